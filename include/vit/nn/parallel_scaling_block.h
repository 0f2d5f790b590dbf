// Blocks whose attention and MLP run side by side from one projection.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/block.h"
#include "vit/nn/differential.h"

namespace vit::nn {

/// The projections of both kinds of block: one in, to the MLP's hidden width and q, k, v.
class ParallelScalingBase : public AttendingLayer {
 public:
  /// Throws DataError where the options ask for scale_attn_norm or scale_mlp_norm, which these
  /// blocks have not.
  ParallelScalingBase(const BlockOptions& options, const NormFactory& norm_layer,
                      const LayerPtr& act_layer, std::int64_t head_dim,
                      const torch::TensorOptions& tensor_options);
  /// `mlp_bias`: zeros.
  void reset_parameters(const at::Generator& generator) override;

  BlockOptions options;
  torch::Tensor mlp_bias;  ///< [hidden]; undefined with qkv_bias, which holds it
  Linear in_proj{nullptr};
  LayerPtr in_norm, q_norm, k_norm, mlp_act, ls, drop_path;
  Dropout attn_drop{nullptr}, mlp_drop{nullptr};

 protected:
  struct Parts {
    torch::Tensor mlp, q, k, v;  ///< [B, N, hidden] after the activation; [B, N, dim] each
  };
  Parts project(const torch::Tensor& x);
  /// LayerScale and drop path; registered after the output projections, as timm does.
  void register_residual(const torch::TensorOptions& tensor_options);
};

/// timm's `ParallelScalingBlock` (`timm/models/vision_transformer.py`, 1.0.31; Dehghani et al.
/// 2023, arXiv:2302.05442) with separate output projections.
class ParallelScalingBlockImpl : public ParallelScalingBase {
 public:
  ParallelScalingBlockImpl(const BlockOptions& options, const NormFactory& norm_layer,
                           const LayerPtr& act_layer,
                           const torch::TensorOptions& tensor_options = {});

  /// x: [B, N, dim] → [B, N, dim].
  torch::Tensor forward(const torch::Tensor& x) override;
  torch::Tensor attention_weights(const torch::Tensor& x) override;

  double scale;
  Linear attn_out_proj{nullptr}, mlp_out_proj{nullptr};

 private:
  /// [B, N, dim] → [B, num_heads, N, head_dim].
  torch::Tensor in_heads(const torch::Tensor& part) const;
};
TORCH_MODULE(ParallelScalingBlock);

/// timm's `DiffParallelScalingBlock` (the same file): differential attention, one output
/// projection.
class DiffParallelScalingBlockImpl : public ParallelScalingBase {
 public:
  DiffParallelScalingBlockImpl(const BlockOptions& options, const NormFactory& norm_layer,
                               const LayerPtr& act_layer,
                               const torch::TensorOptions& tensor_options = {});

  /// x: [B, N, dim] → [B, N, dim].
  torch::Tensor forward(const torch::Tensor& x) override;
  torch::Tensor attention_weights(const torch::Tensor& x) override;
  void reset_parameters(const at::Generator& generator) override;

  Lambda lambda;
  RmsNorm sub_norm{nullptr};
  Linear out_proj{nullptr};

 private:
  DifferentialAttention attention();
};
TORCH_MODULE(DiffParallelScalingBlock);

}  // namespace vit::nn
