// What a model's linear layers see when it looks at images: what int8 weights and the scales of
// their inputs are fitted to.
#pragma once

#include <functional>
#include <optional>

#include "vit/config/model_config.h"
#include "vit/core/array.h"
#include "vit/engine/weights.h"
#include "vit/model/quantize.h"

namespace vit::model {

/// Batches [B, in_c, H, W], preprocessed; none at the end.
using NextBatch = std::function<std::optional<Array>()>;

/// Runs the packed engine over the batches, in float32. Throws what `next` throws, DataError where
/// it gives no image.
Calibration calibrate(const ModelConfig& config, const engine::WeightLookup& weights,
                      const NextBatch& next);

}  // namespace vit::model
