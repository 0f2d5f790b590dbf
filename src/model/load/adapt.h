// Weights of one size for a model of another, as timm adapts them when it loads.
#pragma once

#include <vector>

#include "model/load/weight.h"
#include "vit/core/log.h"
#include "vit/model/weights.h"

namespace vit::model {

/// Changes `config` to what `adaptation` asks for and `weights` (native names) to fit, and
/// does what the dialect wants resampled. Each change is said to `log`.
void adapt_weights(std::vector<Weight>& weights, ModelConfig& config, const Adaptation& adaptation,
                   const Resampling& resampling, Log* log);

}  // namespace vit::model
