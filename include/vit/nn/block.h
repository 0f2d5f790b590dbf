// One transformer block: attention and MLP, each after a norm and around it a residual.
#pragma once

#include <torch/nn/pimpl.h>

#include <optional>

#include "vit/nn/attention.h"
#include "vit/nn/layer.h"
#include "vit/nn/mlp.h"

namespace vit::nn {

struct BlockOptions {
  BlockOptions(std::int64_t dim, std::int64_t num_heads) : dim_(dim), num_heads_(num_heads) {}
  TORCH_ARG(std::int64_t, dim);
  TORCH_ARG(std::int64_t, num_heads);
  TORCH_ARG(double, mlp_ratio) = 4.0;  ///< hidden width of the MLP / dim; a fraction is cut off
  TORCH_ARG(bool, qkv_bias) = false;
  TORCH_ARG(std::optional<double>, qk_scale);
  TORCH_ARG(double, drop_ratio) = 0.0;               ///< in the MLP
  TORCH_ARG(double, attn_drop_ratio) = 0.0;          ///< Seed: built, never applied
  TORCH_ARG(double, drop_path_ratio) = 0.0;          ///< of both residual branches
  TORCH_ARG(std::optional<double>, proj_drop_rate);  ///< timm: after every projection;
                                                     ///< null: drop_path_ratio after attention's
                                                     ///< (Seed), drop_ratio in the MLP
  TORCH_ARG(std::optional<bool>, proj_bias);         ///< timm: attention's projection and the MLP;
                                                     ///< null: qkv_bias (Seed), and true in the MLP
  TORCH_ARG(bool, fused) = true;                     ///< AttentionOptions::fused
};

/// The seed's Block.
class BlockImpl : public Layer {
 public:
  /// An empty `norm_layer`: LayerNorm with eps 1e-5; a null `act_layer`: Gelu.
  explicit BlockImpl(const BlockOptions& options, const NormFactory& norm_layer = {},
                     const LayerPtr& act_layer = nullptr,
                     const torch::TensorOptions& tensor_options = {});

  /// x: [B, N, dim] → [B, N, dim].
  torch::Tensor forward(const torch::Tensor& x) override;

  BlockOptions options;
  LayerPtr norm1, norm2, drop_path;
  Attention attn{nullptr};
  Mlp mlp{nullptr};
};
TORCH_MODULE(Block);

}  // namespace vit::nn
