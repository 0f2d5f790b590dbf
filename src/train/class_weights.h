// How much each class counts in the loss.
#pragma once

#include <string>
#include <vector>

#include "vit/data/dataset.h"

namespace vit::train {

/// `balanced`: images / (classes * images of the class), as scikit-learn's `class_weight`; else a
/// text file with a number a line, in the classes' order. Empty for an empty `what`. Throws
/// IoError, DataError (naming the line), UsageError on a class without images to balance.
std::vector<float> class_weights(const std::string& what, const data::Dataset& data);

}  // namespace vit::train
