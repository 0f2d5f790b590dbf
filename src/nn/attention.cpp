#include "vit/nn/attention.h"

#include <cmath>

#include "attend.h"
#include "vit/core/error.h"

namespace vit::nn {

AttentionImpl::AttentionImpl(const AttentionOptions& options_,
                             const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto dim = options.dim();
  if (options.num_heads() <= 0 || dim % options.num_heads() != 0)
    throw DataError("attention: expected num_heads that divides dim {}, found {}", dim,
                    options.num_heads());
  const double head_dim = static_cast<double>(dim / options.num_heads());
  // Seed: `qk_scale or head_dim ** -0.5`, so 0 means the default too.
  scale = options.qk_scale().value_or(0.0) != 0.0 ? *options.qk_scale() : std::pow(head_dim, -0.5);
  qkv = register_module(
      "qkv", Linear(LinearOptions(dim, dim * 3).bias(options.qkv_bias()), tensor_options));
  attn_drop = register_module("attn_drop", Dropout(options.attn_drop_ratio()));
  proj_drop = register_module("proj_drop", Dropout(options.proj_drop_ratio()));
  // Seed: the projection's bias follows qkv_bias.
  proj = register_module(
      "proj", Linear(LinearOptions(dim, dim).bias(options.proj_bias().value_or(options.qkv_bias())),
                     tensor_options));
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x) {
  const auto B = x.size(0), N = x.size(1), heads = options.num_heads();
  const auto qkv_heads = qkv(x)
                             .reshape({B, N, 3, heads, options.dim() / heads})
                             .permute({2, 0, 3, 1, 4});  // [3, B, heads, N, head_dim]
  const auto q = qkv_heads[0], k = qkv_heads[1], v = qkv_heads[2];
  // Seed: attn_drop is not applied to the weights.
  const auto heads_out = attend(q, k, v, scale, options.fused());       // [B, heads, N, head_dim]
  auto out = heads_out.transpose(1, 2).reshape({B, N, options.dim()});  // [B, N, dim]
  return proj_drop(proj(out));                                          // [B, N, dim]
}

}  // namespace vit::nn
