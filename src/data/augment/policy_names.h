// timm's names of operations: what each does, and its argument at a level of 0 to 10.
#pragma once

#include <cstddef>
#include <string>

#include "vit/data/augment/policy.h"

namespace vit::data::augment {

/// What happens to the level's argument before the operation.
enum class Finish {
  kNothing,
  kTimesWidth,  ///< of the image
  kTimesHeight,
  kRandomBlur,  ///< the argument bounds a draw
  kDesaturate,  ///< a share taken away becomes the factor that is left
};

struct NamedOp {
  const char* name;
  Op op;
  /// The argument at `level`; `negate` mirrors what goes both ways. Null: no argument.
  double (*argument)(double level, bool negate, const LevelOptions& options);
  Finish finish = Finish::kNothing;
};

/// The place of `name` in the table. Throws UsageError.
std::size_t find_named_op(const std::string& name);
const NamedOp& named_op(std::size_t index);

}  // namespace vit::data::augment
