// An MLP whose gate has a linear layer of its own.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/mlp.h"

namespace vit::nn {

/// timm's `SwiGLU` (`timm/layers/mlp.py`, 1.0.31): a linear layer for each half.
class SwiGluImpl : public Layer {
 public:
  SwiGluImpl(const MlpOptions& options, const LayerPtr& act_layer, const NormFactory& norm_layer,
             const torch::TensorOptions& tensor_options);

  /// x: [..., in_features] → [..., out_features].
  torch::Tensor forward(const torch::Tensor& x) override;
  /// The gate near one: weights of std 1e-6, bias 1.
  void reset_parameters(const at::Generator& generator) override;

  MlpOptions options;
  Linear fc1_g{nullptr}, fc1_x{nullptr}, fc2{nullptr};
  LayerPtr act, norm;
  Dropout drop{nullptr};
};
TORCH_MODULE(SwiGlu);

}  // namespace vit::nn
