// Layer normalisation over the last dimension.
#pragma once

#include <torch/arg.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

#include "vit/nn/layer.h"

namespace vit::nn {

struct LayerNormOptions {
  explicit LayerNormOptions(std::int64_t dim) : dim_(dim) {}
  TORCH_ARG(std::int64_t, dim);
  TORCH_ARG(double, eps) = 1e-5;  ///< torch.nn.LayerNorm's; the seed's model passes 1e-6
};

/// Parameters `weight` and `bias`, [dim], are uninitialised.
class LayerNormImpl : public Layer {
 public:
  explicit LayerNormImpl(const LayerNormOptions& options,
                         const torch::TensorOptions& tensor_options = {});

  /// x: [..., dim] → the same shape.
  torch::Tensor forward(const torch::Tensor& x) override;
  /// Ones and zeros.
  void reset_parameters(const at::Generator& generator) override;

  LayerNormOptions options;
  torch::Tensor weight, bias;
};
TORCH_MODULE(LayerNorm);

/// Makes LayerNorms with this `eps`.
NormFactory layer_norm_factory(double eps);

}  // namespace vit::nn
