// Several attentions side by side, then several MLPs side by side.
#pragma once

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

#include <vector>

#include "vit/nn/block.h"

namespace vit::nn {

/// One residual branch of a ParallelThingsBlock: `norm`, `attn` or `mlp`, `ls`, `drop_path`.
class ParallelBranchImpl : public Layer {
 public:
  /// `name` is that of `layer` in the state dict.
  ParallelBranchImpl(const BlockOptions& options, const NormFactory& norm_layer,
                     const std::string& name, LayerPtr layer,
                     const torch::TensorOptions& tensor_options);

  /// x: [B, N, dim] → [B, N, dim].
  torch::Tensor forward(const torch::Tensor& x) override;

  LayerPtr norm, layer, ls, drop_path;
};
TORCH_MODULE(ParallelBranch);

/// timm's `ParallelThingsBlock` (`timm/models/vision_transformer.py`, 1.0.31; Touvron et al. 2022,
/// arXiv:2203.09795) with two branches of each kind.
class ParallelThingsBlockImpl : public AttendingLayer {
 public:
  ParallelThingsBlockImpl(const BlockOptions& options, const NormFactory& norm_layer,
                          const LayerPtr& act_layer,
                          const torch::TensorOptions& tensor_options = {});

  /// x: [B, N, dim] → [B, N, dim].
  torch::Tensor forward(const torch::Tensor& x) override;
  /// The heads of every branch, one after the other: [B, branches * num_heads, N, N].
  torch::Tensor attention_weights(const torch::Tensor& x) override;

  BlockOptions options;
  torch::nn::Sequential attns{nullptr}, ffns{nullptr};  ///< of ParallelBranch, side by side
};
TORCH_MODULE(ParallelThingsBlock);

}  // namespace vit::nn
