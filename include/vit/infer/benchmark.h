// How fast a predictor is, on random input.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "vit/core/json.h"
#include "vit/engine/profile.h"
#include "vit/infer/predictor.h"

namespace vit::infer {

struct BenchmarkOptions {
  std::int64_t batch_size = 8;
  std::uint64_t seed = 42;
  double seconds = 3;            ///< go on for at least this long …
  std::int64_t repetitions = 5;  ///< … and this often, after two that are not counted
  bool profile = false;          ///< time each step, of the fastest of a few passes more
  std::function<bool()> stopping;
};

struct BenchmarkResult {
  double ms_per_image_min = 0;
  double ms_per_image_median = 0;
  std::int64_t batch_size = 0;
  std::int64_t repetitions = 0;
  Json choices;
  std::optional<engine::Profile> profile;

  Json to_json() const;
  std::string to_text() const;
};

/// Throws UsageError where the batch is empty, or the engine has no steps to time. A benchmark that
/// is stopped before its first repetition has zeros.
BenchmarkResult benchmark(const Predictor& predictor, const BenchmarkOptions& options);

}  // namespace vit::infer
