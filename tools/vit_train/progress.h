// How a run looks while it runs: a bar on a terminal, else a plain line now and then; on stderr.
#pragma once

#include <chrono>

#include "vit/core/log.h"
#include "vit/train/trainer.h"

namespace vit::tools {

class Progress {
 public:
  /// `quiet`: says nothing.
  Progress(Log& log, bool quiet);

  void step(const train::StepReport& report);
  void evaluation(std::int64_t done, std::int64_t all);
  void epoch(const train::EpochReport& report);

 private:
  void draw(const std::string& line);
  void wipe();

  Log& log_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace vit::tools
