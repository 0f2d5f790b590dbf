#include "vit/engine/want.h"

#include <charconv>
#include <utility>

#include "vit/core/error.h"

namespace vit::engine {

FeatureKind parse_feature_kind(const std::string& text) {
  constexpr std::pair<const char*, FeatureKind::Kind> kKinds[] = {{"cls", FeatureKind::kCls},
                                                                  {"mean", FeatureKind::kMean},
                                                                  {"tokens", FeatureKind::kTokens},
                                                                  {"pooled", FeatureKind::kPooled}};
  for (const auto& [name, kind] : kKinds)
    if (text == name) return {kind};
  if (text.starts_with("layer:")) {
    FeatureKind kind{FeatureKind::kLayer};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 6, end, kind.layer);
    if (error == std::errc() && stop == end && kind.layer >= 0) return kind;
  }
  throw UsageError("features: expected cls, mean, tokens, pooled or layer:N, found '{}'", text);
}

AttentionMethod parse_attention_method(const std::string& text) {
  if (text == "last") return AttentionMethod::kLast;
  if (text == "rollout") return AttentionMethod::kRollout;
  throw UsageError("attention_method: expected last or rollout, found '{}'", text);
}

void check_want(const config::VisionTransformerOptions& model, const Want& want) {
  for (const auto& kind : want.features) {
    if (kind.kind == FeatureKind::kCls && !model.class_token())
      throw UsageError("features cls: the model has no class token; mean and pooled are there");
    if (kind.kind == FeatureKind::kLayer && (kind.layer < 0 || kind.layer >= model.depth()))
      throw UsageError("features: expected a layer from 0 to {}, found {}", model.depth() - 1,
                       kind.layer);
  }
  if (want.attention && model.depth() == 0)
    throw UsageError("attention: the model has no blocks (depth 0)");
}

Grid patch_grid(const config::VisionTransformerOptions& model, std::int64_t height,
                std::int64_t width) {
  const auto [patch_height, patch_width] = model.patch_size();
  if (patch_height <= 0 || patch_width <= 0) return {};
  const bool pad = model.dynamic_img_pad();
  return {(height + (pad ? patch_height - 1 : 0)) / patch_height,
          (width + (pad ? patch_width - 1 : 0)) / patch_width};
}

ValueShape feature_values(const config::VisionTransformerOptions& model, const FeatureKind& kind,
                          Grid grid) {
  const auto tokens = model.num_prefix_tokens() + grid.height * grid.width;
  switch (kind.kind) {
    case FeatureKind::kLayer:
    case FeatureKind::kTokens:
      return {tokens, model.embed_dim()};
    case FeatureKind::kPooled: {
      const auto representation = model.representation_size().value_or(0);
      const auto width =
          !model.distilled() && representation > 0 ? representation : model.embed_dim();
      const bool all = model.global_pool().empty() && !model.distilled();
      return {all ? tokens : 0, width};
    }
    case FeatureKind::kCls:
    case FeatureKind::kMean:
      break;
  }
  return {0, model.embed_dim()};
}

ValueShape logits_values(const config::VisionTransformerOptions& model, Grid grid) {
  auto values = feature_values(model, {FeatureKind::kPooled}, grid);
  if (model.num_classes() > 0) values.columns = model.num_classes();
  return values;
}

namespace {

std::vector<std::int64_t> shape_of(const ValueShape& values) {
  if (values.rows == 0) return {values.columns};
  return {values.rows, values.columns};
}

}  // namespace

std::vector<std::int64_t> feature_shape(const config::VisionTransformerOptions& model,
                                        const FeatureKind& kind, Grid grid) {
  return shape_of(feature_values(model, kind, grid));
}

std::vector<std::int64_t> logits_shape(const config::VisionTransformerOptions& model, Grid grid) {
  return shape_of(logits_values(model, grid));
}

}  // namespace vit::engine
