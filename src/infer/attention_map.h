// Maps of where a model looked, from its attention weights.
#pragma once

#include <optional>

#include "vit/infer/predictor.h"
#include "vit/model/vision_transformer.h"

namespace vit::infer {

/// What one pass through a model's blocks gives.
struct TracedTokens {
  at::Tensor tokens;     ///< [B, N, D] after the last block, before `norm`
  at::Tensor layer;      ///< [B, N, D] the output of the block that was asked for
  at::Tensor attention;  ///< [B, grid_h, grid_w], each map's largest value 1
};

/// x: [B, in_c, H, W]. Throws UsageError where the model has no block `layer`.
TracedTokens trace_attention(model::VisionTransformerImpl& model, const at::Tensor& x,
                             AttentionMethod method, std::optional<std::int64_t> layer = {});

}  // namespace vit::infer
