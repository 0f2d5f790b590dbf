// Multi-head self-attention.
#pragma once

#include <torch/nn/pimpl.h>

#include <optional>

#include "vit/nn/dropout.h"
#include "vit/nn/layer.h"
#include "vit/nn/linear.h"

namespace vit::nn {

struct AttentionOptions {
  explicit AttentionOptions(std::int64_t dim) : dim_(dim) {}
  TORCH_ARG(std::int64_t, dim);
  TORCH_ARG(std::int64_t, num_heads) = 8;  ///< divides dim
  TORCH_ARG(bool, qkv_bias) = false;
  TORCH_ARG(std::optional<double>, qk_scale);  ///< null or 0: (dim / num_heads) ** -0.5
  TORCH_ARG(double, attn_drop_ratio) = 0.0;    ///< Seed: built, never applied
  TORCH_ARG(double, proj_drop_ratio) = 0.0;    ///< dropout after the output projection
  TORCH_ARG(std::optional<bool>, proj_bias);   ///< null: qkv_bias, as in the seed
  TORCH_ARG(bool, fused) = true;  ///< scaled_dot_product_attention; false: the explicit softmax
};

/// The seed's Attention.
class AttentionImpl : public Layer {
 public:
  /// Throws DataError where num_heads does not divide dim.
  explicit AttentionImpl(const AttentionOptions& options,
                         const torch::TensorOptions& tensor_options = {});

  /// x: [B, N, dim] → [B, N, dim].
  torch::Tensor forward(const torch::Tensor& x) override;

  AttentionOptions options;
  double scale;
  Linear qkv{nullptr}, proj{nullptr};
  Dropout attn_drop{nullptr}, proj_drop{nullptr};
};
TORCH_MODULE(Attention);

}  // namespace vit::nn
