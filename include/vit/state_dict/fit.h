// Every tensor of the file and every tensor of the model is accounted for, or it is an error.
#pragma once

#include <string>
#include <vector>

#include "vit/core/log.h"
#include "vit/state_dict/weight.h"

namespace vit::state_dict {

/// A parameter or buffer of the model.
struct Expected {
  std::string name;
  Shape shape;
  bool floating_point = true;
};

struct FitOptions {
  std::string where;         ///< the file, opens messages
  bool drop_unused = false;  ///< leave out tensors that the model has no place for
};

struct Fitted {
  std::vector<Weight> weights;       ///< one for each tensor of the model, in its order
  std::vector<std::string> dropped;  ///< names that the model has no place for
};

/// `weights` (native names) against what the model has. Throws DataError, in one line, with the
/// number of missing, unexpected and misshapen tensors, the first of each, and the nearest name.
/// Longer lists go to `log`, at most 20 lines each.
Fitted fit_weights(const std::vector<Expected>& model, std::vector<Weight> weights,
                   const FitOptions& options, Log* log);

}  // namespace vit::state_dict
