// A run of timm's train.py, from the args.yaml that it wrote.
#pragma once

#include <filesystem>

#include "vit/core/json.h"
#include "vit/core/log.h"

namespace vit::tools {

/// The run's values by the fields of TrainOptions, in timm's meaning (train.py, 1.0.31); keys that
/// the file lacks have timm's defaults. `over`: what the command line gives by the same fields; it
/// decides the batch size that the learning rate is scaled to, a model that is given takes the
/// place of the file's, and so do `total_steps` and `warmup_steps` of its epochs. Says in `log`
/// what makes no difference here; throws UsageError with all that the file asks for and there is
/// not, IoError, DataError where it is no such file.
Json read_timm_config(const std::filesystem::path& path, const Json& over, Log& log);

}  // namespace vit::tools
