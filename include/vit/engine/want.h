// What one forward pass is asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vit/config/vision_transformer_options.h"

namespace vit::engine {

/// One of a model's inner values; feature_shape() has their shapes.
struct FeatureKind {
  enum Kind {
    kCls,     ///< the first token after the final norm
    kMean,    ///< the mean over the patches' tokens after the final norm
    kTokens,  ///< all tokens after the final norm
    kPooled,  ///< what the head sees; timm's `forward_head(pre_logits=True)`
    kLayer,   ///< a block's output, not normed
  };
  Kind kind = kPooled;
  std::int64_t layer = 0;  ///< of kLayer: the block, from 0

  bool operator==(const FeatureKind&) const = default;
};

/// `cls`, `mean`, `tokens`, `pooled` or `layer:N`. Throws UsageError.
FeatureKind parse_feature_kind(const std::string& text);

/// How attention becomes one map for each image.
enum class AttentionMethod {
  kLast,     ///< the class token's attention in the last block, mean over heads
  kRollout,  ///< Abnar and Zuidema 2020: (A + I) / 2 of every block, multiplied
};

/// `last` or `rollout`. Throws UsageError.
AttentionMethod parse_attention_method(const std::string& text);

/// Everything from one pass. A value has the same bits whatever else is wanted.
struct Want {
  bool logits = true;
  std::vector<FeatureKind> features = {};
  std::optional<AttentionMethod> attention = {};
};

/// Throws UsageError where the model has no such block, no class token, or no attention.
void check_want(const config::VisionTransformerOptions& model, const Want& want);

/// Patches [H, W] of an image of `height` × `width`; 0 where it is smaller than a patch.
struct Grid {
  std::int64_t height = 0, width = 0;
};
Grid patch_grid(const config::VisionTransformerOptions& model, std::int64_t height,
                std::int64_t width);

/// One image's values: a vector, or a matrix of `rows` of them.
struct ValueShape {
  std::int64_t rows = 0;  ///< 0: a vector
  std::int64_t columns = 0;
};
ValueShape feature_values(const config::VisionTransformerOptions& model, const FeatureKind& kind,
                          Grid grid);
ValueShape logits_values(const config::VisionTransformerOptions& model, Grid grid);

/// Shape of one image's feature, without the batch: cls and mean [D]; tokens and layer [N, D];
/// pooled [num_features], or [N, num_features] of a model that does not pool.
std::vector<std::int64_t> feature_shape(const config::VisionTransformerOptions& model,
                                        const FeatureKind& kind, Grid grid);

/// Shape of one image's logits, without the batch: [num_classes]; the pooled feature's of a model
/// without a head; a row a token, [N, …], where the model does not pool.
std::vector<std::int64_t> logits_shape(const config::VisionTransformerOptions& model, Grid grid);

}  // namespace vit::engine
