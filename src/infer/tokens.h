// The token sequence of a model, block by block.
#pragma once

#include <vector>

#include "vit/infer/predictor.h"
#include "vit/model/vision_transformer.h"
#include "vit/nn/layer.h"

namespace vit::infer {

/// Block `index` of the model. Throws UsageError where there is none.
nn::LayerPtr block_at(model::VisionTransformerImpl& model, std::int64_t index);

/// x: [B, in_c, H, W] → as FeatureKind says. Throws UsageError where the model has no such feature.
at::Tensor run_features(model::VisionTransformerImpl& model, const at::Tensor& x,
                        const FeatureKind& kind);

/// Throws UsageError where the model has no such feature.
void need_feature(model::VisionTransformerImpl& model, const FeatureKind& kind);

/// tokens: [B, N, D] after the final norm → as FeatureKind says; `kind` is not kLayer.
at::Tensor features_of(model::VisionTransformerImpl& model, const at::Tensor& tokens,
                       const FeatureKind& kind);

/// One row of run_features' result, without B. Throws UsageError where there is no such block.
std::vector<std::int64_t> feature_row_shape(model::VisionTransformerImpl& model,
                                            const FeatureKind& kind);

}  // namespace vit::infer
