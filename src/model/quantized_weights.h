// A model's list of tensors with int8 in the place of its linear layers' weights, and back.
#pragma once

#include <vector>

#include "model/weight.h"
#include "vit/model/quantize.h"

namespace vit::model {

/// The weights [out, in] inside the blocks become int8 and a scale; `moments` may lack any of them.
std::vector<Weight> quantized(std::vector<Weight> weights, const InputMoments& moments);

/// Each int8 tensor that has its scale beside it becomes one of float32. Throws DataError, opened
/// by `where`, where the shapes of the two do not fit.
std::vector<Weight> dequantized(std::vector<Weight> weights, const std::string& where);

}  // namespace vit::model
