// Activations: element-wise, without parameters, x of any shape.
#pragma once

#include <torch/nn/pimpl.h>

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

}  // namespace vit::nn
