// Activations: element-wise, without parameters, x of any shape.
#pragma once

#include <torch/nn/pimpl.h>

#include <string>

#include "vit/nn/layer.h"

namespace vit::nn {

/// x · Φ(x), by the error function as torch.nn.GELU's default.
class GeluImpl : public Layer {
 public:
  torch::Tensor forward(const torch::Tensor& x) override;
};
TORCH_MODULE(Gelu);

class TanhImpl : public Layer {
 public:
  torch::Tensor forward(const torch::Tensor& x) override;
};
TORCH_MODULE(Tanh);

/// An activation by timm's name (`timm/layers/create_act.py`, 1.0.31): gelu, gelu_tanh, quick_gelu,
/// silu, swish, relu, tanh, sigmoid, mish, identity. Throws DataError for another, listing these.
LayerPtr make_activation(const std::string& name);

}  // namespace vit::nn
