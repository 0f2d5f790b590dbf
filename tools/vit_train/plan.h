// What a command line comes to: the options, where the run begins, and that nothing is lost by it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/command.h"
#include "timm_flags.h"
#include "vit/train/checkpoint.h"
#include "vit/train/run_folder.h"
#include "vit/train/train_options.h"

namespace vit::tools {

struct Arguments {
  Json given = Json::object();  ///< by the fields of TrainOptions
  TimmFlags timm;
  std::string config;  ///< a timm run's args.yaml
  bool resume = false;
  std::string resume_from;  ///< empty, auto or a run folder
  bool allow_dataset_change = false;
  bool force = false;
  bool dry_run = false;
};

struct Plan {
  train::TrainOptions options;
  std::optional<train::Checkpoint> checkpoint;  ///< to go on from
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
