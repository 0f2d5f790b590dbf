// Differential self-attention: the difference of two softmaxes.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/attention.h"
#include "vit/nn/differential.h"

namespace vit::nn {

/// timm's `DiffAttention` (`timm/layers/diff_attention.py`, 1.0.31) with `dual_lambda` off.
class DiffAttentionImpl : public AttendingLayer {
 public:
  /// `norm_layer` makes the norms that the options ask for; qk_scale is not used. Throws DataError
  /// where 2 num_heads does not divide dim.
  explicit DiffAttentionImpl(const AttentionOptions& options, const NormFactory& norm_layer = {},
                             const torch::TensorOptions& tensor_options = {});

  torch::Tensor forward(const torch::Tensor& x) override;
  torch::Tensor attention_weights(const torch::Tensor& x) override;
  /// The lambdas: normal with std .1.
  void reset_parameters(const at::Generator& generator) override;

  AttentionOptions options;
  Lambda lambda;
  Linear qkv{nullptr}, proj{nullptr};
  LayerPtr q_norm, k_norm, norm;
  RmsNorm sub_norm{nullptr};
  Dropout attn_drop{nullptr}, proj_drop{nullptr};

 private:
  DifferentialAttention attention();
};
TORCH_MODULE(DiffAttention);

}  // namespace vit::nn
