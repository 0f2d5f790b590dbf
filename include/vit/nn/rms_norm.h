// Root-mean-square normalisation over the last dimension.
#pragma once

#include <torch/arg.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

#include "vit/nn/layer.h"

namespace vit::nn {

struct RmsNormOptions {
  explicit RmsNormOptions(std::int64_t dim) : dim_(dim) {}
  TORCH_ARG(std::int64_t, dim);
  TORCH_ARG(double, eps) = 1e-6;
};

/// timm's `RmsNorm` (`timm/layers/norm.py`, 1.0.31). Parameter `weight` [dim] is uninitialised.
class RmsNormImpl : public Layer {
 public:
  explicit RmsNormImpl(const RmsNormOptions& options,
                       const torch::TensorOptions& tensor_options = {});

  /// x: [..., dim] → the same shape.
  torch::Tensor forward(const torch::Tensor& x) override;
  /// Ones.
  void reset_parameters(const at::Generator& generator) override;

  RmsNormOptions options;
  torch::Tensor weight;
};
TORCH_MODULE(RmsNorm);

}  // namespace vit::nn
