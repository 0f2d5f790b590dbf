// Stochastic depth: drops a residual branch for whole samples, in training mode only.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/random_layer.h"

namespace vit::nn {

/// timm's `DropPath` (`timm/layers/drop.py`, 1.0.31): a sample's branch is kept with probability
/// 1 − drop_prob and then divided by it.
class DropPathImpl : public RandomLayer {
 public:
  explicit DropPathImpl(double drop_prob = 0.0);

  /// x: [B, ...] → the same shape.
  torch::Tensor forward(const torch::Tensor& x) override;

  double drop_prob;
};
TORCH_MODULE(DropPath);

/// DropPath, or Identity where `drop_prob` is 0.
LayerPtr make_drop_path(double drop_prob);

}  // namespace vit::nn
