// What differential attention and its parallel block share: two softmaxes, the second one
// subtracted at a learned rate (Ye et al. 2024, arXiv:2410.05258; timm/layers/diff_attention.py,
// 1.0.31, with `dual_lambda` off).
#pragma once

#include <torch/nn/module.h>

#include "vit/nn/dropout.h"
#include "vit/nn/layer.h"
#include "vit/nn/rms_norm.h"

namespace vit::nn {

/// Parameters `lambda_q1`, `lambda_k1`, `lambda_q2`, `lambda_k2` of their owner, [head_dim].
class Lambda {
 public:
  /// `depth`: the block's index.
  void register_in(torch::nn::Module& owner, std::int64_t head_dim, std::int64_t depth,
                   const torch::TensorOptions& tensor_options);
  void reset(const at::Generator& generator);
  /// The rate, of x's type.
  at::Tensor rate(const at::Tensor& x) const;
  double init() const { return init_; }

 private:
  at::Tensor q1_, k1_, q2_, k2_;
  double init_ = 0.8;
};

/// Queries or keys [B, N, dim] as two groups of heads, each [B, num_heads, N, head_dim]; `norm`
/// acts on each head.
std::pair<at::Tensor, at::Tensor> split_heads(const at::Tensor& x, std::int64_t num_heads,
                                              Layer& norm);

/// q, k: [B, N, dim] before their norms, v: [B, N, dim] → [B, N, dim] before the output projection.
struct DifferentialAttention {
  std::int64_t num_heads;
  bool fused;
  Layer& q_norm;
  Layer& k_norm;
  RmsNorm& sub_norm;
  const Lambda& lambda;
  DropoutImpl* weights_drop;

  at::Tensor operator()(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const;
  /// [B, num_heads, N, N]
  at::Tensor weights(const at::Tensor& q, const at::Tensor& k) const;
};

}  // namespace vit::nn
