// Scaled dot-product attention, fused or explicit.
#pragma once

#include <ATen/ATen.h>

#include <cmath>

#include "vit/nn/dropout.h"

namespace vit::nn {

/// Python's `head_dim ** -0.5`.
inline double head_scale(std::int64_t head_dim) {
  return std::pow(static_cast<double>(head_dim), -0.5);
}

/// softmax(q kᵀ · scale). q: [B, heads, N, d], k: [B, heads, M, d] → [B, heads, N, M].
inline at::Tensor softmax_weights(const at::Tensor& q, const at::Tensor& k, double scale) {
  return (q.matmul(k.transpose(-2, -1)) * scale).softmax(-1);
}

/// softmax(q kᵀ · scale) v; v: [B, heads, M, dv] → [B, heads, N, dv]. `weights_drop`, where it is
/// given, acts on the softmax.
inline at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         double scale, bool fused, DropoutImpl* weights_drop = nullptr) {
  const bool drops =
      weights_drop != nullptr && weights_drop->is_training() && weights_drop->p > 0.0;
  // The fused kernel draws from no generator of ours, and has no form for the meta device.
  if (fused && !drops && !q.is_meta())
    return at::scaled_dot_product_attention(q, k, v, /*attn_mask=*/{}, /*dropout_p=*/0.0,
                                            /*is_causal=*/false, scale);
  auto weights = softmax_weights(q, k, scale);  // [B, heads, N, M]
  if (drops) weights = weights_drop->forward(weights);
  return weights.matmul(v);
}

}  // namespace vit::nn
