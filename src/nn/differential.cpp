#include "vit/nn/differential.h"

#include <cmath>

#include "attend.h"

namespace vit::nn {
void Lambda::register_in(torch::nn::Module& owner, std::int64_t head_dim, std::int64_t depth,
                         const torch::TensorOptions& tensor_options) {
  const auto empty = [&] { return at::empty({head_dim}, tensor_options.dtype(at::kFloat)); };
  q1_ = owner.register_parameter("lambda_q1", empty());
  k1_ = owner.register_parameter("lambda_k1", empty());
  q2_ = owner.register_parameter("lambda_q2", empty());
  k2_ = owner.register_parameter("lambda_k2", empty());
  init_ = 0.8 - 0.6 * std::exp(-0.3 * static_cast<double>(depth));
}

void Lambda::reset(const at::Generator& generator) {
  for (auto* parameter : {&q1_, &k1_, &q2_, &k2_}) parameter->normal_(0.0, 0.1, generator);
}

at::Tensor Lambda::rate(const at::Tensor& x) const {
  const auto first = (q1_ * k1_).sum(-1).to(at::kFloat).exp();
  const auto second = (q2_ * k2_).sum(-1).to(at::kFloat).exp();
  return (first - second + init_).to(x.scalar_type());
}

std::pair<at::Tensor, at::Tensor> split_heads(const at::Tensor& x, std::int64_t num_heads,
                                              Layer& norm) {
  const auto B = x.size(0), N = x.size(1);
  const auto heads = norm.forward(
      x.reshape({B, N, num_heads, 2, -1}).permute({0, 2, 3, 1, 4}));  // [B, heads, 2, N, head_dim]
  return {heads.select(2, 0), heads.select(2, 1)};
}

at::Tensor DifferentialAttention::operator()(const at::Tensor& q, const at::Tensor& k,
                                             const at::Tensor& v) const {
  const auto B = v.size(0), N = v.size(1);
  const auto [q1, q2] = split_heads(q, num_heads, q_norm);  // each [B, heads, N, head_dim]
  const auto [k1, k2] = split_heads(k, num_heads, k_norm);
  const auto values =
      v.reshape({B, N, num_heads, -1}).transpose(1, 2);  // [B, heads, N, 2 head_dim]
  const auto scale = head_scale(q1.size(-1));
  auto out = attend(q1, k1, values, scale, fused, weights_drop) -
             lambda.rate(q1) * attend(q2, k2, values, scale, fused, weights_drop);
  out = sub_norm(out) * (1.0 - lambda.init());            // [B, heads, N, 2 head_dim]
  return out.transpose(1, 2).reshape({B, N, v.size(2)});  // [B, N, dim]
}

at::Tensor DifferentialAttention::weights(const at::Tensor& q, const at::Tensor& k) const {
  const auto [q1, q2] = split_heads(q, num_heads, q_norm);
  const auto [k1, k2] = split_heads(k, num_heads, k_norm);
  const auto scale = head_scale(q1.size(-1));
  return softmax_weights(q1, k1, scale) - lambda.rate(q1) * softmax_weights(q2, k2, scale);
}

}  // namespace vit::nn
