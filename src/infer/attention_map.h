// Maps of where a model looked, from its attention weights.
#pragma once

#include "vit/infer/predictor.h"
#include "vit/model/vision_transformer.h"

namespace vit::infer {

/// x: [B, in_c, H, W] → [B, grid_h, grid_w], each map's largest value 1.
at::Tensor run_attention(model::VisionTransformerImpl& model, const at::Tensor& x,
                         AttentionMethod method);

}  // namespace vit::infer
