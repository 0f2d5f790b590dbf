#include "model/engine/forward.h"

#include <ATen/Functions.h>

#include <algorithm>

#include "vit/nn/layer.h"

namespace vit::model {
namespace {

using engine::AttentionMethod;
using engine::FeatureKind;

/// The block's attention weights for its input x [B, N, D], mean over heads: [B, N, N].
torch::Tensor mean_attention(torch::nn::Module& block, const torch::Tensor& x) {
  return dynamic_cast<nn::AttendingLayer&>(block).attention_weights(x).mean(1);
}

/// The block's weights as the graph of Abnar and Zuidema has them: half of each token stays.
torch::Tensor with_residual(const torch::Tensor& weights) {
  return (weights + at::eye(weights.size(-1), weights.options())) / 2;
}

/// weights: [B, N, N] → where the model looked, [B, grid_h, grid_w].
torch::Tensor attention_map(const VisionTransformerOptions& options, const torch::Tensor& weights,
                            const torch::Tensor& x) {
  // A model without a class token answers from all of its tokens.
  const auto from = options.class_token() ? weights.select(1, 0) : weights.mean(1);  // [B, N]
  // Differential attention subtracts: what is below 0 was not looked at.
  const auto map = from.slice(1, options.num_prefix_tokens()).clamp_min(0);  // [B, num_patches]
  const auto largest = map.amax(1, /*keepdim=*/true).clamp_min(1e-30);
  const auto grid = engine::patch_grid(options, x.size(2), x.size(3));
  return (map / largest).reshape({x.size(0), grid.height, grid.width});
}

/// tokens: [B, N, D] after the final norm.
torch::Tensor feature_of(VisionTransformerImpl& model, const torch::Tensor& tokens,
                         FeatureKind::Kind kind) {
  switch (kind) {
    case FeatureKind::kCls:
      return tokens.select(1, 0);  // [B, D]
    case FeatureKind::kMean:
      return tokens.slice(1, model.options.num_prefix_tokens()).mean(1);  // [B, D]
    case FeatureKind::kTokens:
      return tokens;
    default:
      return model.pool(tokens);  // [B, num_features]
  }
}

}  // namespace

Passed forward(VisionTransformerImpl& model, const torch::Tensor& x, const engine::Want& want) {
  Passed passed;
  passed.features.resize(want.features.size());
  const auto depth = static_cast<std::int64_t>(model.block->size());
  const bool all = want.logits || want.attention ||
                   std::any_of(want.features.begin(), want.features.end(),
                               [](const auto& kind) { return kind.kind != FeatureKind::kLayer; });
  std::int64_t blocks = all ? depth : 0;
  for (const auto& kind : want.features)
    if (kind.kind == FeatureKind::kLayer) blocks = std::max(blocks, kind.layer + 1);

  torch::Tensor weights;  // [B, N, N]
  const auto see = [&](const Observation& seen) {
    const auto block = model.block->ptr(static_cast<std::size_t>(seen.index));
    if (want.attention == AttentionMethod::kRollout) {
      const auto mixed = with_residual(mean_attention(*block, seen.in));
      weights = weights.defined() ? mixed.matmul(weights) : mixed;
    } else if (want.attention && seen.index == depth - 1) {
      weights = mean_attention(*block, seen.in);
    }
    for (std::size_t f = 0; f < want.features.size(); ++f)
      if (want.features[f] == FeatureKind{FeatureKind::kLayer, seen.index})
        passed.features[f] = seen.out;
  };
  auto tokens = model.forward_blocks(model.embed(x), blocks, see);  // [B, N, D]
  if (want.attention) passed.attention = attention_map(model.options, weights, x);
  if (!all) return passed;
  tokens = model.norm->forward(tokens);  // [B, N, D]
  for (std::size_t f = 0; f < want.features.size(); ++f)
    if (want.features[f].kind != FeatureKind::kLayer)
      passed.features[f] = feature_of(model, tokens, want.features[f].kind);
  if (want.logits) passed.logits = model.forward_head(tokens).logits;
  return passed;
}

}  // namespace vit::model
