#include "vit/nn/attention.h"

#include "attend.h"
#include "nn/check.h"
#include "vit/core/error.h"
#include "vit/nn/norm.h"

namespace vit::nn {

void check_heads(std::int64_t dim, std::int64_t num_heads) {
  check_at_least("attention", "dim", dim);
  if (num_heads <= 0 || dim % num_heads != 0)
    throw DataError("attention: expected num_heads that divides dim {}, found {}", dim, num_heads);
}

AttentionImpl::AttentionImpl(const AttentionOptions& options_, const NormFactory& norm_layer,
                             const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto dim = options.dim();
  check_heads(dim, options.num_heads());
  const auto head_dim = dim / options.num_heads();
  // Seed: `qk_scale or head_dim ** -0.5`, so 0 means the default too.
  scale = options.qk_scale().value_or(0.0) != 0.0 ? *options.qk_scale() : head_scale(head_dim);
  const auto qk_norm = options.qk_norm() ? norm_layer : NormFactory();
  const auto scale_norm = options.scale_norm() ? norm_layer : NormFactory();
  qkv = register_module(
      "qkv", Linear(LinearOptions(dim, dim * 3).bias(options.qkv_bias()), tensor_options));
  q_norm = register_module<Layer>("q_norm", make_norm(qk_norm, head_dim, tensor_options));
  k_norm = register_module<Layer>("k_norm", make_norm(qk_norm, head_dim, tensor_options));
  attn_drop = register_module("attn_drop", Dropout(options.attn_drop_ratio()));
  proj_drop = register_module("proj_drop", Dropout(options.proj_drop_ratio()));
  norm = register_module<Layer>("norm", make_norm(scale_norm, dim, tensor_options));
  // Seed: the projection's bias follows qkv_bias.
  proj = register_module(
      "proj", Linear(LinearOptions(dim, dim).bias(options.proj_bias().value_or(options.qkv_bias())),
                     tensor_options));
}

std::array<torch::Tensor, 3> AttentionImpl::project(const torch::Tensor& x) {
  const auto B = x.size(0), N = x.size(1), heads = options.num_heads();
  const auto parts = qkv(x)
                         .reshape({B, N, 3, heads, options.dim() / heads})
                         .permute({2, 0, 3, 1, 4});  // [3, B, heads, N, head_dim]
  return {q_norm->forward(parts[0]), k_norm->forward(parts[1]), parts[2]};
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x) {
  const auto [q, k, v] = project(x);  // each [B, heads, N, head_dim]
  auto* weights_drop = options.apply_attn_drop() ? attn_drop.get() : nullptr;
  auto out = attend(q, k, v, scale, options.fused(), weights_drop);  // [B, heads, N, head_dim]
  out = out.transpose(1, 2).reshape({x.size(0), x.size(1), options.dim()});  // [B, N, dim]
  return proj_drop(proj(norm->forward(out)));                                // [B, N, dim]
}

torch::Tensor AttentionImpl::attention_weights(const torch::Tensor& x) {
  const auto [q, k, v] = project(x);
  return softmax_weights(q, k, scale);  // [B, heads, N, N]
}

}  // namespace vit::nn
