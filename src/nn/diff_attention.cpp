#include "vit/nn/diff_attention.h"

#include "vit/nn/norm.h"

namespace vit::nn {

DiffAttentionImpl::DiffAttentionImpl(const AttentionOptions& options_,
                                     const NormFactory& norm_layer,
                                     const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto dim = options.dim();
  check_heads(dim, 2 * options.num_heads());
  const auto head_dim = dim / options.num_heads() / 2;
  const auto qk_norm = options.qk_norm() ? norm_layer : NormFactory();
  const auto scale_norm = options.scale_norm() ? norm_layer : NormFactory();
  lambda.register_in(*this, head_dim, options.depth(), tensor_options);
  qkv = register_module(
      "qkv", Linear(LinearOptions(dim, dim * 3).bias(options.qkv_bias()), tensor_options));
  q_norm = register_module<Layer>("q_norm", make_norm(qk_norm, head_dim, tensor_options));
  k_norm = register_module<Layer>("k_norm", make_norm(qk_norm, head_dim, tensor_options));
  attn_drop = register_module("attn_drop", Dropout(options.attn_drop_ratio()));
  norm = register_module<Layer>("norm", make_norm(scale_norm, dim, tensor_options));
  proj = register_module(
      "proj", Linear(LinearOptions(dim, dim).bias(options.proj_bias().value_or(options.qkv_bias())),
                     tensor_options));
  proj_drop = register_module("proj_drop", Dropout(options.proj_drop_ratio()));
  sub_norm =
      register_module("sub_norm", RmsNorm(RmsNormOptions(2 * head_dim).eps(1e-5), tensor_options));
}

DifferentialAttention DiffAttentionImpl::attention() {
  return {options.num_heads(),
          options.fused(),
          *q_norm,
          *k_norm,
          sub_norm,
          lambda,
          options.apply_attn_drop() ? attn_drop.get() : nullptr};
}

torch::Tensor DiffAttentionImpl::forward(const torch::Tensor& x) {
  const auto parts = qkv(x).chunk(3, 2);                       // three of [B, N, dim]
  const auto out = attention()(parts[0], parts[1], parts[2]);  // [B, N, dim]
  return proj_drop(proj(norm->forward(out)));                  // [B, N, dim]
}

torch::Tensor DiffAttentionImpl::attention_weights(const torch::Tensor& x) {
  const auto parts = qkv(x).chunk(3, 2);
  return attention().weights(parts[0], parts[1]);  // [B, num_heads, N, N]
}

void DiffAttentionImpl::reset_parameters(const at::Generator& generator) {
  lambda.reset(generator);
}

}  // namespace vit::nn
