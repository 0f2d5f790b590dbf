// A model's list of tensors with int8 in the place of its linear layers' weights.
#pragma once

#include <vector>

#include "model/load/weight.h"
#include "vit/model/quantize.h"

namespace vit::model {

/// The weights [out, in] inside the blocks become int8 and a scale, and those that `calibration`
/// has get the scale of their layer's input.
std::vector<Weight> quantized(std::vector<Weight> weights, const Calibration& calibration);

}  // namespace vit::model
