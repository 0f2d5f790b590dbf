#include "attention_map.h"

#include <ATen/ATen.h>

#include "tokens.h"
#include "vit/nn/layer.h"

namespace vit::infer {
namespace {

/// The block's attention weights for its input x [B, N, D], mean over heads: [B, N, N].
at::Tensor mean_attention(nn::Layer& block, const at::Tensor& x) {
  return dynamic_cast<nn::AttendingLayer&>(block).attention_weights(x).mean(1);
}

/// The block's weights as the graph of Abnar and Zuidema has them: half of each token stays.
at::Tensor with_residual(const at::Tensor& weights) {
  return (weights + at::eye(weights.size(-1), weights.options())) / 2;
}

}  // namespace

at::Tensor run_attention(model::VisionTransformerImpl& model, const at::Tensor& x,
                         AttentionMethod method) {
  const auto depth = static_cast<std::int64_t>(model.block->size());
  auto tokens = model.embed(x);  // [B, N, D]
  at::Tensor weights;            // [B, N, N]
  for (std::int64_t i = 0; i < depth; ++i) {
    const auto block = block_at(model, i);
    if (method == AttentionMethod::kRollout) {
      const auto mixed = with_residual(mean_attention(*block, tokens));
      weights = weights.defined() ? mixed.matmul(weights) : mixed;
    } else if (i == depth - 1) {
      weights = mean_attention(*block, tokens);
    }
    if (i < depth - 1) tokens = block->forward(tokens);
  }
  const auto& options = model.options;
  // A model without a class token answers from all of its tokens.
  const auto from = options.class_token() ? weights.select(1, 0) : weights.mean(1);  // [B, N]
  // Differential attention subtracts: what is below 0 was not looked at.
  const auto map = from.slice(1, options.num_prefix_tokens()).clamp_min(0);  // [B, num_patches]
  const auto largest = map.amax(1, /*keepdim=*/true).clamp_min(1e-30);
  const auto grid_h = (x.size(2) + options.patch_size()[0] - 1) / options.patch_size()[0];
  return (map / largest).reshape({x.size(0), grid_h, -1});
}

}  // namespace vit::infer
