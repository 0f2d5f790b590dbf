#include "tokens.h"

#include <ATen/ATen.h>

#include "vit/core/error.h"

namespace vit::infer {
namespace {

void need_class_token(const model::VisionTransformerImpl& model) {
  if (!model.options.class_token())
    throw UsageError("--features cls: the model has no class token; mean and pooled are there");
}

}  // namespace

nn::LayerPtr block_at(model::VisionTransformerImpl& model, std::int64_t index) {
  const auto depth = static_cast<std::int64_t>(model.block->size());
  if (index < 0 || index >= depth)
    throw UsageError("--features: expected a layer from 0 to {}, found {}", depth - 1, index);
  return std::dynamic_pointer_cast<nn::Layer>(model.block->ptr(static_cast<std::size_t>(index)));
}

void need_feature(model::VisionTransformerImpl& model, const FeatureKind& kind) {
  if (kind.kind == FeatureKind::kLayer) block_at(model, kind.layer);
  if (kind.kind == FeatureKind::kCls) need_class_token(model);
}

at::Tensor run_features(model::VisionTransformerImpl& model, const at::Tensor& x,
                        const FeatureKind& kind) {
  need_feature(model, kind);
  if (kind.kind != FeatureKind::kLayer) return features_of(model, model.forward_tokens(x), kind);
  auto tokens = model.embed(x);  // [B, N, D]
  for (std::int64_t i = 0; i <= kind.layer; ++i) tokens = block_at(model, i)->forward(tokens);
  return tokens;
}

at::Tensor features_of(model::VisionTransformerImpl& model, const at::Tensor& tokens,
                       const FeatureKind& kind) {
  switch (kind.kind) {
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

std::vector<std::int64_t> feature_row_shape(model::VisionTransformerImpl& model,
                                            const FeatureKind& kind) {
  const auto& options = model.options;
  const auto tokens = model.patch_embed->num_patches() + options.num_prefix_tokens();
  switch (kind.kind) {
    case FeatureKind::kLayer:
      block_at(model, kind.layer);
      return {tokens, options.embed_dim()};
    case FeatureKind::kTokens:
      return {tokens, options.embed_dim()};
    case FeatureKind::kPooled: {
      const auto representation = options.representation_size().value_or(0);
      const auto width =
          !options.distilled() && representation > 0 ? representation : options.embed_dim();
      if (options.global_pool().empty()) return {tokens, width};
      return {width};
    }
    case FeatureKind::kCls:
      need_class_token(model);
      break;
    case FeatureKind::kMean:
      break;
  }
  return {options.embed_dim()};
}

}  // namespace vit::infer
