// Every tensor of the file and every tensor of the model is accounted for, or it is an error.
#pragma once

#include <string>
#include <vector>

#include "model/weight.h"
#include "vit/core/log.h"
#include "vit/model/vision_transformer.h"

namespace vit::model {

struct FitOptions {
  std::string where;         ///< the file, opens messages
  bool drop_unused = false;  ///< leave out tensors that the model has no place for
};

struct Fitted {
  std::vector<Weight> weights;       ///< one for each tensor of the model, in its order
  std::vector<std::string> dropped;  ///< names that the model has no place for
};

/// `weights` (native names) against `model` (any device). Throws DataError, in one line, with the
/// number of missing, unexpected and misshapen tensors, the first of each, and the nearest name.
/// Longer lists go to `log`, at most 20 lines each.
Fitted fit_weights(const torch::nn::Module& model, std::vector<Weight> weights,
                   const FitOptions& options, Log* log);

}  // namespace vit::model
