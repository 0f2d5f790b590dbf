// Multi-head self-attention.
#pragma once

#include <torch/nn/pimpl.h>

#include <optional>

#include "vit/nn/dropout.h"
#include "vit/nn/layer.h"
#include "vit/nn/linear.h"

namespace vit::nn {

/// Of every kind of self-attention.
struct AttentionOptions {
  explicit AttentionOptions(std::int64_t dim) : dim_(dim) {}
  TORCH_ARG(std::int64_t, dim);
  TORCH_ARG(std::int64_t, num_heads) = 8;  ///< divides dim
  TORCH_ARG(bool, qkv_bias) = false;
  TORCH_ARG(std::optional<double>, qk_scale);  ///< null or 0: (dim / num_heads) ** -0.5
  TORCH_ARG(double, attn_drop_ratio) = 0.0;    ///< of the attention weights
  TORCH_ARG(bool, apply_attn_drop) = false;    ///< Seed: attn_drop is built and never applied
  TORCH_ARG(double, proj_drop_ratio) = 0.0;    ///< dropout after the output projection
  TORCH_ARG(std::optional<bool>, proj_bias);   ///< null: qkv_bias, as in the seed
  TORCH_ARG(bool, qk_norm) = false;            ///< a norm of each head's queries and keys
  TORCH_ARG(bool, scale_norm) = false;         ///< a norm before the output projection
  TORCH_ARG(std::int64_t, depth) = 0;          ///< the block's index, which differential attention
                                               ///< starts from
  TORCH_ARG(bool, fused) = true;  ///< scaled_dot_product_attention; false: the explicit softmax
};

/// The seed's Attention; with other options, timm's (`timm/layers/attention.py`, 1.0.31).
class AttentionImpl : public AttendingLayer {
 public:
  /// `norm_layer` makes the norms that the options ask for. Throws DataError where num_heads does
  /// not divide dim.
  explicit AttentionImpl(const AttentionOptions& options, const NormFactory& norm_layer = {},
                         const torch::TensorOptions& tensor_options = {});

  torch::Tensor forward(const torch::Tensor& x) override;
  torch::Tensor attention_weights(const torch::Tensor& x) override;

  AttentionOptions options;
  double scale;
  Linear qkv{nullptr}, proj{nullptr};
  LayerPtr q_norm, k_norm, norm;
  Dropout attn_drop{nullptr}, proj_drop{nullptr};

 private:
  /// Queries, keys and values, each [B, num_heads, N, head_dim].
  std::array<torch::Tensor, 3> project(const torch::Tensor& x);
};
TORCH_MODULE(Attention);

/// Throws DataError where num_heads is not positive or does not divide dim.
void check_heads(std::int64_t dim, std::int64_t num_heads);

}  // namespace vit::nn
