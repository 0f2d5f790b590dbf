// One transformer block: attention and MLP, each after a norm and around it a residual.
#pragma once

#include <torch/nn/pimpl.h>

#include <optional>
#include <string>

#include "vit/nn/attention.h"
#include "vit/nn/layer.h"
#include "vit/nn/mlp.h"

namespace vit::nn {

/// Of every kind of block.
struct BlockOptions {
  BlockOptions(std::int64_t dim, std::int64_t num_heads) : dim_(dim), num_heads_(num_heads) {}
  TORCH_ARG(std::int64_t, dim);
  TORCH_ARG(std::int64_t, num_heads);
  TORCH_ARG(double, mlp_ratio) = 4.0;  ///< hidden width of the MLP / dim; a fraction is cut off
  TORCH_ARG(bool, qkv_bias) = false;
  TORCH_ARG(std::optional<double>, qk_scale);
  TORCH_ARG(double, drop_ratio) = 0.0;               ///< in the MLP
  TORCH_ARG(double, attn_drop_ratio) = 0.0;          ///< Seed: built, never applied
  TORCH_ARG(std::optional<double>, attn_drop_rate);  ///< timm: applied to the attention weights
  TORCH_ARG(double, drop_path_ratio) = 0.0;          ///< of both residual branches
  TORCH_ARG(std::optional<double>, proj_drop_rate);  ///< timm: after every projection;
                                                     ///< null: drop_path_ratio after attention's
                                                     ///< (Seed), drop_ratio in the MLP
  TORCH_ARG(std::optional<bool>, proj_bias);         ///< timm: attention's projection and the MLP;
                                                     ///< null: qkv_bias (Seed), and true in the MLP
  TORCH_ARG(bool, qk_norm) = false;                  ///< AttentionOptions::qk_norm
  TORCH_ARG(bool, scale_attn_norm) = false;          ///< AttentionOptions::scale_norm
  TORCH_ARG(bool, scale_mlp_norm) = false;           ///< a norm before the MLP's second layer
  TORCH_ARG(std::optional<double>, init_values);     ///< LayerScale's start; null: no LayerScale
  TORCH_ARG(std::string, mlp_layer) = "mlp";         ///< make_mlp's names
  TORCH_ARG(std::string, attn_layer);                ///< make_attention's names
  TORCH_ARG(std::int64_t, depth) = 0;                ///< this block's index
  TORCH_ARG(bool, fused) = true;                     ///< AttentionOptions::fused

 public:
  /// The MLP's hidden width.
  std::int64_t mlp_hidden() const;
  /// The parts of a block with these options.
  AttentionOptions attention_options() const;
  MlpOptions mlp_options() const;
};

/// The attention and the MLP that `options` name; they share the caller's activation.
AttendingLayerPtr make_block_attention(const BlockOptions& options, const NormFactory& norm_layer,
                                       const torch::TensorOptions& tensor_options);
LayerPtr make_block_mlp(const BlockOptions& options, const NormFactory& norm_layer,
                        const LayerPtr& act_layer, const torch::TensorOptions& tensor_options);

class BlockKernels;

/// The seed's Block; with other options, timm's (`timm/models/vision_transformer.py`, 1.0.31).
class BlockImpl : public AttendingLayer {
 public:
  /// An empty `norm_layer`: LayerNorm with eps 1e-5; a null `act_layer`: Gelu.
  explicit BlockImpl(const BlockOptions& options, const NormFactory& norm_layer = {},
                     const LayerPtr& act_layer = nullptr,
                     const torch::TensorOptions& tensor_options = {});

  /// x: [B, N, dim] → [B, N, dim].
  torch::Tensor forward(const torch::Tensor& x) override;
  torch::Tensor attention_weights(const torch::Tensor& x) override;

  BlockOptions options;
  LayerPtr norm1, norm2, ls1, ls2, drop_path, mlp;
  AttendingLayerPtr attn;
  std::shared_ptr<BlockKernels> kernels;  ///< compute what they can (set_block_kernels), if given
};
TORCH_MODULE(Block);

}  // namespace vit::nn
