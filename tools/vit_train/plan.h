// What a command line comes to: the options, where the run begins, and that nothing is lost by it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/command.h"
#include "options.h"
#include "vit/train/checkpoint.h"
#include "vit/train/run_folder.h"
#include "vit/train/train_options.h"

namespace vit::tools {

struct Plan {
  train::TrainOptions options;
  std::optional<train::Checkpoint> checkpoint;  ///< to go on from
  bool branches = false;                        ///< `checkpoint` is another run's
  train::RunFolder folder;                      ///< before the run
  bool replaces = false;                        ///< --force: the run in `folder` is removed
  std::unique_ptr<train::RunLock> lock;         ///< of a folder that is there already
};

/// Looks at everything that can be known before the dataset is opened, and writes nothing.
/// Throws UsageError, IoError, DataError (checkpoints of which none verifies), DistributedError.
Plan make_plan(const Arguments& arguments, Command& command);

/// Makes and locks the run folder, and removes the run that --force replaces.
void take_folder(Plan& plan);

}  // namespace vit::tools
