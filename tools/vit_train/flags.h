// The command line's flags, made from TrainOptions' field list.
#pragma once

#include <set>
#include <string>

#include "common/command.h"
#include "vit/core/json.h"
#include "vit/core/log.h"
#include "vit/train/train_options.h"

namespace vit::tools {

/// Adds `--flag-name` for every field of TrainOptions that a user may set. What the user gives is
/// collected in `given` under the field's name. `given` must outlive `command`.
void add_train_flags(Command& command, Json& given);

/// Defaults, over them the recipe, over it what was given. A model that was given takes the place
/// of the recipe's model and its arguments. Throws UsageError.
train::TrainOptions resolve_options(const Json& given);

/// The options of the run that is resumed, over them what was given; `epochs` may be more, which is
/// said in `log`. Throws UsageError where a value differs that would change the run, naming the
/// field and both values.
train::TrainOptions resume_options(const train::TrainOptions& stored, const Json& given, Log& log);

/// The library's message `field: …` with the field's flag instead.
std::string with_flag(const std::string& message);

}  // namespace vit::tools
