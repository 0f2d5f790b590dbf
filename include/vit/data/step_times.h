// Where the time of a run over images goes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "vit/core/json.h"

namespace vit::data {

/// Seconds that each step took. Loading is summed over the worker threads.
struct StepTimes {
  double load = 0;  ///< reading, decoding, preprocessing
  double wait = 0;  ///< the model waited for samples
  double model = 0;
  double write = 0;  ///< rows, overlays, cards
  double total = 0;
  std::int64_t inputs = 0;

  Json to_json() const;
  std::string to_text() const;  ///< a table of several lines
};

/// Adds the time from its making to its end to `seconds`.
class Timed {
 public:
  explicit Timed(double& seconds) : seconds_(seconds), begin_(std::chrono::steady_clock::now()) {}
  ~Timed() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace vit::data
