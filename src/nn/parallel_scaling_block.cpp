#include "vit/nn/parallel_scaling_block.h"

#include "attend.h"
#include "vit/core/error.h"
#include "vit/nn/drop_path.h"
#include "vit/nn/layer_scale.h"
#include "vit/nn/norm.h"

namespace vit::nn {

namespace {

/// Width of each of `count` heads. Throws DataError where they do not divide `dim`.
std::int64_t width_of_head(std::int64_t dim, std::int64_t count) {
  check_heads(dim, count);
  return dim / count;
}

}  // namespace

ParallelScalingBase::ParallelScalingBase(const BlockOptions& options_,
                                         const NormFactory& norm_layer, const LayerPtr& act_layer,
                                         std::int64_t head_dim,
                                         const torch::TensorOptions& tensor_options)
    : options(options_) {
  if (options.scale_attn_norm() || options.scale_mlp_norm())
    throw DataError(
        "block_fn: expected no scale_attn_norm and no scale_mlp_norm in a parallel scaling block");
  const auto dim = options.dim(), hidden = options.mlp_hidden();
  in_norm = register_module<Layer>("in_norm", norm_layer(dim, tensor_options));
  in_proj = register_module(
      "in_proj",
      Linear(LinearOptions(dim, hidden + 3 * dim).bias(options.qkv_bias()), tensor_options));
  if (!options.qkv_bias())
    mlp_bias = register_parameter("mlp_bias", at::empty({hidden}, tensor_options));
  const auto qk_norm = options.qk_norm() ? norm_layer : NormFactory();
  q_norm = register_module<Layer>("q_norm", make_norm(qk_norm, head_dim, tensor_options));
  k_norm = register_module<Layer>("k_norm", make_norm(qk_norm, head_dim, tensor_options));
  const auto attention = options.attention_options();
  attn_drop = register_module("attn_drop", Dropout(attention.attn_drop_ratio()));
  mlp_drop = register_module("mlp_drop", Dropout(options.mlp_options().drop()));
  mlp_act = register_module<Layer>("mlp_act", act_layer);
}

void ParallelScalingBase::register_residual(const torch::TensorOptions& tensor_options) {
  ls = register_module<Layer>(
      "ls", make_layer_scale(options.dim(), options.init_values(), tensor_options));
  drop_path = register_module<Layer>("drop_path", make_drop_path(options.drop_path_ratio()));
}

void ParallelScalingBase::reset_parameters(const at::Generator& /*generator*/) {
  if (mlp_bias.defined()) mlp_bias.zero_();
}

ParallelScalingBase::Parts ParallelScalingBase::project(const torch::Tensor& x) {
  const auto dim = options.dim();
  const auto parts =
      in_proj(in_norm->forward(x)).split_with_sizes({options.mlp_hidden(), dim, dim, dim}, -1);
  const auto hidden = mlp_bias.defined() ? parts[0] + mlp_bias : parts[0];  // [B, N, hidden]
  return {mlp_drop(mlp_act->forward(hidden)), parts[1], parts[2], parts[3]};
}

ParallelScalingBlockImpl::ParallelScalingBlockImpl(const BlockOptions& options_,
                                                   const NormFactory& norm_layer,
                                                   const LayerPtr& act_layer,
                                                   const torch::TensorOptions& tensor_options)
    : ParallelScalingBase(options_, norm_layer, act_layer,
                          width_of_head(options_.dim(), options_.num_heads()), tensor_options) {
  const auto dim = options.dim();
  check_heads(dim, options.num_heads());
  scale = head_scale(dim / options.num_heads());
  const bool bias = options.proj_bias().value_or(true);
  attn_out_proj =
      register_module("attn_out_proj", Linear(LinearOptions(dim, dim).bias(bias), tensor_options));
  mlp_out_proj = register_module(
      "mlp_out_proj", Linear(LinearOptions(options.mlp_hidden(), dim).bias(bias), tensor_options));
  register_residual(tensor_options);
}

torch::Tensor ParallelScalingBlockImpl::in_heads(const torch::Tensor& part) const {
  const auto B = part.size(0), N = part.size(1);
  return part.reshape({B, N, options.num_heads(), -1}).transpose(1, 2);
}

torch::Tensor ParallelScalingBlockImpl::forward(const torch::Tensor& x) {
  const auto [hidden, q, k, v] = project(x);
  auto out =
      attend(q_norm->forward(in_heads(q)), k_norm->forward(in_heads(k)), in_heads(v), scale,
             options.fused(),
             options.attn_drop_rate() ? attn_drop.get() : nullptr);  // [B, heads, N, head_dim]
  out = out.transpose(1, 2).reshape_as(x);                           // [B, N, dim]
  return x + drop_path->forward(ls->forward(attn_out_proj(out) + mlp_out_proj(hidden)));
}

torch::Tensor ParallelScalingBlockImpl::attention_weights(const torch::Tensor& x) {
  const auto [hidden, q, k, v] = project(x);
  return softmax_weights(q_norm->forward(in_heads(q)), k_norm->forward(in_heads(k)), scale);
}

DiffParallelScalingBlockImpl::DiffParallelScalingBlockImpl(
    const BlockOptions& options_, const NormFactory& norm_layer, const LayerPtr& act_layer,
    const torch::TensorOptions& tensor_options)
    : ParallelScalingBase(options_, norm_layer, act_layer,
                          width_of_head(options_.dim(), 2 * options_.num_heads()), tensor_options) {
  const auto dim = options.dim();
  check_heads(dim, 2 * options.num_heads());
  const auto head_dim = dim / options.num_heads() / 2;
  lambda.register_in(*this, head_dim, options.depth(), tensor_options);
  sub_norm =
      register_module("sub_norm", RmsNorm(RmsNormOptions(2 * head_dim).eps(1e-5), tensor_options));
  out_proj = register_module(
      "out_proj",
      Linear(
          LinearOptions(dim + options.mlp_hidden(), dim).bias(options.proj_bias().value_or(true)),
          tensor_options));
  register_residual(tensor_options);
}

DifferentialAttention DiffParallelScalingBlockImpl::attention() {
  return {options.num_heads(),
          options.fused(),
          *q_norm,
          *k_norm,
          sub_norm,
          lambda,
          options.attn_drop_rate() ? attn_drop.get() : nullptr};
}

torch::Tensor DiffParallelScalingBlockImpl::forward(const torch::Tensor& x) {
  const auto [hidden, q, k, v] = project(x);
  auto out = out_proj(at::cat({attention()(q, k, v), hidden}, -1));  // [B, N, dim]
  return x + drop_path->forward(ls->forward(out));                   // [B, N, dim]
}

torch::Tensor DiffParallelScalingBlockImpl::attention_weights(const torch::Tensor& x) {
  const auto [hidden, q, k, v] = project(x);
  return attention().weights(q, k);
}

void DiffParallelScalingBlockImpl::reset_parameters(const at::Generator& generator) {
  ParallelScalingBase::reset_parameters(generator);
  lambda.reset(generator);
}

}  // namespace vit::nn
