// How far a run is: a bar on a terminal, else a plain line now and then; on stderr.
#pragma once

#include <chrono>
#include <cstdint>

#include "vit/core/log.h"

namespace vit::tools {

class InferProgress {
 public:
  /// `total`: how many there will be; 0 where nobody knows.
  InferProgress(Log& log, bool quiet, std::int64_t total);
  /// Wipes the bar.
  ~InferProgress();
  InferProgress(const InferProgress&) = delete;
  InferProgress& operator=(const InferProgress&) = delete;

  void show(std::int64_t done);

 private:
  Log& log_;
  bool terminal_;
  bool drawn_ = false;
  std::int64_t total_;
  std::chrono::steady_clock::time_point begin_, last_;
};

}  // namespace vit::tools
