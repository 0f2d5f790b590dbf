// A model's list of tensors with int8 in the place of its linear layers' weights.
#pragma once

#include <vector>

#include "model/load/weight.h"
#include "vit/model/quantize.h"

namespace vit::model {

/// The weights [out, in] inside the blocks become int8 and a scale; `moments` may lack any of them.
std::vector<Weight> quantized(std::vector<Weight> weights, const InputMoments& moments);

}  // namespace vit::model
