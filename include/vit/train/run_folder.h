// A run folder before a run begins: whose it is, and what of it a run of ours wrote.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vit/train/train_options.h"

namespace vit::train {

/// Keeps other runs out of a folder. The kernel lets go of it when the process ends, however it
/// ends; nothing is left behind.
class RunLock {
 public:
  /// Throws IoError where another process holds the folder or there is no such folder. A file
  /// system that has no locks is taken as it is.
  explicit RunLock(const std::filesystem::path& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// What stands in a folder under the names that a run writes (args.json, log.jsonl, summary.csv,
/// report.html, best.safetensors, last.safetensors, checkpoints/). A run of ours is known by an
/// args.json of ours. Of its other files each is known by itself: model files by their
/// `vit.config`, the logs by their first line, checkpoints by their names and manifests. Links are
/// never ours.
struct RunFolder {
  std::filesystem::path path;
  bool has_run = false;          ///< args.json is ours
  bool has_checkpoints = false;  ///< step-N folders, whole or not
  bool has_model_files = false;
  std::vector<std::filesystem::path> own;  ///< files and folders of a run, args.json last
  std::vector<std::string> foreign;        ///< under a run's name, but nothing that a run wrote
  bool is_empty = true;                    ///< nothing at all, or no such folder
};

/// Throws IoError where `path` is there and no folder, or cannot be read.
RunFolder inspect_run_folder(const std::filesystem::path& path);

/// Throws IoError where something foreign has a name that a run would write to.
void check_nothing_foreign(const RunFolder& folder);

/// Takes away what is `own`, args.json last: what is left of it when this is interrupted is still
/// known. Throws IoError.
void remove_run(const RunFolder& folder);

/// The options that args.json of a run folder holds. Throws IoError, DataError.
TrainOptions read_args(const std::filesystem::path& folder);

}  // namespace vit::train
