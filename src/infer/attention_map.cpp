#include "attention_map.h"

#include <ATen/ATen.h>

#include "tokens.h"
#include "vit/core/error.h"
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

TracedTokens trace_attention(model::VisionTransformerImpl& model, const at::Tensor& x,
                             AttentionMethod method, std::optional<std::int64_t> layer) {
  const auto depth = static_cast<std::int64_t>(model.block->size());
  if (depth == 0) throw UsageError("attention: the model has no blocks (depth 0)");
  if (layer) block_at(model, *layer);
  TracedTokens traced;
  auto& tokens = traced.tokens;
  tokens = model.embed(x);  // [B, N, D]
  at::Tensor weights;       // [B, N, N]
  for (std::int64_t i = 0; i < depth; ++i) {
    const auto block = block_at(model, i);
    if (method == AttentionMethod::kRollout) {
      const auto mixed = with_residual(mean_attention(*block, tokens));
      weights = weights.defined() ? mixed.matmul(weights) : mixed;
    } else if (i == depth - 1) {
      weights = mean_attention(*block, tokens);
    }
    tokens = block->forward(tokens);
    if (i == layer) traced.layer = tokens;
  }
  const auto& options = model.options;
  // A model without a class token answers from all of its tokens.
  const auto from = options.class_token() ? weights.select(1, 0) : weights.mean(1);  // [B, N]
  // Differential attention subtracts: what is below 0 was not looked at.
  const auto map = from.slice(1, options.num_prefix_tokens()).clamp_min(0);  // [B, num_patches]
  const auto largest = map.amax(1, /*keepdim=*/true).clamp_min(1e-30);
  const auto grid_h = (x.size(2) + options.patch_size()[0] - 1) / options.patch_size()[0];
  traced.attention = (map / largest).reshape({x.size(0), grid_h, -1});
  return traced;
}

}  // namespace vit::infer
