// What the MLPs with a gate share.
#pragma once

#include <ATen/ATen.h>

#include "vit/nn/activation.h"

namespace vit::nn {

inline LayerPtr or_gelu(const LayerPtr& act_layer) {
  return act_layer ? act_layer : std::make_shared<GeluImpl>();
}

/// A gate that starts near one, as timm's `init_weights` of these MLPs draws it.
inline void open_gate(at::Tensor weight, at::Tensor bias, const at::Generator& generator) {
  weight.normal_(0.0, 1e-6, generator);
  if (bias.defined()) bias.fill_(1.0);
}

}  // namespace vit::nn
