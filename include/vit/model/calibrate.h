// What a model's linear layers see when it looks at images: what int8 weights are fitted to.
#pragma once

#include <functional>
#include <optional>

#include "vit/core/array.h"
#include "vit/model/quantize.h"
#include "vit/model/weights.h"

namespace vit::model {

/// Batches [B, in_c, H, W], preprocessed; none at the end.
using NextBatch = std::function<std::optional<Array>()>;

/// Runs a copy of the model over the batches: the caller's module is not touched. Throws what
/// `next` throws, DataError where it gives no image.
InputMoments collect_input_moments(const LoadedModel& model, const NextBatch& next);

}  // namespace vit::model
