// log.jsonl and summary.csv of a run folder.
#pragma once

#include <filesystem>
#include <fstream>

#include "vit/core/json.h"

namespace vit::train {

/// Rows of `event` `step` and `epoch`; each is on disk, whole, when the call returns.
class RunLog {
 public:
  /// Starts afresh. Throws IoError.
  explicit RunLog(const std::filesystem::path& folder);
  /// Goes on: rows past `epoch` whole epochs and `step` steps are taken out first.
  RunLog(const std::filesystem::path& folder, std::int64_t epoch, std::int64_t step);

  /// Appends to log.jsonl; an `epoch` row also to summary.csv.
  void write(const Json& row);

 private:
  void open(const std::filesystem::path& folder, const std::string& rows,
            const std::string& summary);

  std::filesystem::path folder_;
  std::ofstream rows_, summary_;
};

}  // namespace vit::train
