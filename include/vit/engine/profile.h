// The steps of a program, and where the time of a forward pass goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vit/core/json.h"

namespace vit::engine {

/// One step of the program, and how long it took where it was timed.
struct StepReport {
  std::string name;         ///< which part of the model: `block.3.mlp.fc1`
  std::string description;  ///< what it does: `linear 768 -> 3072, gelu`
  bool per_batch = false;   ///< runs once for all images of a batch, not for each
  double flops = 0.0;       ///< for one image; 0 where they are next to nothing
  double seconds = 0.0;     ///< of the whole batch, a mean over the threads
};

/// One step on one thread, for one image or for the batch.
struct StepEvent {
  std::size_t step = 0;    ///< of Profile::steps
  std::int64_t image = 0;  ///< 0 where the step is the batch's
  int thread = 0;
  double begin = 0.0;    ///< seconds since the pass began
  double seconds = 0.0;  ///< waiting for the other threads included
};

struct Profile {
  std::vector<StepReport> steps;
  std::vector<StepEvent> events;
  std::int64_t batch = 0;
  int threads = 0;       ///< that worked
  double seconds = 0.0;  ///< of the whole pass
  /// Floating-point operations a second of all threads together, as kernels::measure_peak() finds
  /// them: what no step passes by much.
  double peak = 0.0;
};

/// One line: `block.3.mlp.fc1: linear 768 -> 3072, gelu`.
std::string step_text(const StepReport& step);

/// For people. A line for each part of the model, blocks added up: milliseconds for one image,
/// share of the time, GFLOP/s, and the time over the floor, which is the operations at the peak
/// (Strassen's products do with 7/8 of them).
std::string profile_table(const Profile& profile);

/// `threads`, `seconds`, `peak`, and `steps`: an object each.
Json profile_json(const Profile& profile);

/// JSON for chrome://tracing and ui.perfetto.dev: a complete event for each step, thread and image.
std::string chrome_trace(const Profile& profile);

}  // namespace vit::engine
