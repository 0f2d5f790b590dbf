// Pooling by attention: a learned query that looks at every token, or the tokens at themselves.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/layer.h"
#include "vit/nn/linear.h"
#include "vit/nn/mlp.h"

namespace vit::nn {

struct AttentionPoolOptions {
  AttentionPoolOptions(std::int64_t dim, std::int64_t num_heads)
      : dim_(dim), num_heads_(num_heads) {}
  TORCH_ARG(std::int64_t, dim);
  TORCH_ARG(std::int64_t, num_heads);  ///< divides dim
  TORCH_ARG(double, mlp_ratio) = 4.0;
  TORCH_ARG(bool, fused) = true;  ///< AttentionOptions::fused
};

/// timm's `AttentionPoolLatent` (`timm/layers/attention_pool.py`, 1.0.31) with one latent query, as
/// its VisionTransformer builds it. Parameter `latent` [1, 1, dim] is uninitialised.
class AttentionPoolLatentImpl : public Layer {
 public:
  /// A null `act_layer`: Gelu. Throws DataError where num_heads does not divide dim.
  AttentionPoolLatentImpl(const AttentionPoolOptions& options, const NormFactory& norm_layer,
                          const LayerPtr& act_layer,
                          const torch::TensorOptions& tensor_options = {});

  /// x: [B, N, dim] → [B, dim].
  torch::Tensor forward(const torch::Tensor& x) override;
  /// The latent: normal with std dim ** -0.5, cut at two standard deviations.
  void reset_parameters(const at::Generator& generator) override;

  AttentionPoolOptions options;
  torch::Tensor latent;
  Linear q{nullptr}, kv{nullptr}, proj{nullptr};
  LayerPtr norm;
  Mlp mlp{nullptr};
};
TORCH_MODULE(AttentionPoolLatent);

/// timm's `AttentionPoolPrr` (the same file): self-attention without parameters, then the first
/// token or the mean.
class AttentionPoolPrrImpl : public Layer {
 public:
  /// `class_token`: pools the first token, else the mean.
  AttentionPoolPrrImpl(const AttentionPoolOptions& options, bool class_token);

  /// x: [B, N, dim] → [B, dim].
  torch::Tensor forward(const torch::Tensor& x) override;

  AttentionPoolOptions options;
  bool class_token;
};
TORCH_MODULE(AttentionPoolPrr);

}  // namespace vit::nn
