// The run folder before a run begins: fresh, or with something to go on from.
#pragma once

#include <filesystem>
#include <optional>

#include "vit/core/log.h"
#include "vit/train/checkpoint.h"
#include "vit/train/train_options.h"

namespace vit::tools {

/// The options that args.json of a run folder holds. Throws IoError, DataError.
train::TrainOptions read_args(const std::filesystem::path& folder);

/// The checkpoint to go on from. Throws IoError where there is none that verifies.
train::Checkpoint need_checkpoint(const std::filesystem::path& folder, Log& log);

/// Throws IoError where `folder` is no folder or holds anything.
void check_run_folder(const std::filesystem::path& folder);

/// Takes away what an earlier run left in `folder`, and nothing else.
void clear_run_folder(const std::filesystem::path& folder);

}  // namespace vit::tools
