#include "vit/infer/benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include "vit/core/error.h"
#include "vit/core/random.h"

namespace vit::infer {
namespace {

/// Passes of which the fastest is the profile: one may meet another program.
constexpr int kProfiles = 5;

/// Four decimals: what is beyond them is noise.
double rounded(double value) { return std::round(value * 1e4) / 1e4; }

double per_second(double ms_per_image) { return ms_per_image > 0 ? 1e3 / ms_per_image : 0; }

}  // namespace

BenchmarkResult benchmark(const Predictor& predictor, const BenchmarkOptions& options) {
  using Clock = std::chrono::steady_clock;
  if (options.batch_size < 1)
    throw UsageError("batch_size: expected at least 1, found {}", options.batch_size);
  const auto [c, h, w] = predictor.input_shape();
  Array x({options.batch_size, c, h, w});
  Random random(options.seed);
  for (auto& value : x.data) value = static_cast<float>(random.normal());
  const auto stopping = [&] { return options.stopping && options.stopping(); };
  for (int i = 0; i < 2 && !stopping(); ++i) predictor.predict(x);
  BenchmarkResult result;
  for (int i = 0; options.profile && i < kProfiles && !stopping(); ++i) {
    auto profile = predictor.profile(x);
    if (!result.profile || profile.seconds < result.profile->seconds)
      result.profile = std::move(profile);
  }
  std::vector<double> times;  // ms per image
  const auto begin = Clock::now();
  const auto elapsed = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  while (static_cast<std::int64_t>(times.size()) < options.repetitions ||
         elapsed(begin) < options.seconds) {
    if (stopping()) break;
    const auto start = Clock::now();
    predictor.predict(x);
    times.push_back(1e3 * elapsed(start) / static_cast<double>(options.batch_size));
  }
  result.batch_size = options.batch_size;
  result.repetitions = static_cast<std::int64_t>(times.size());
  result.choices = predictor.choices();
  if (times.empty()) return result;
  std::sort(times.begin(), times.end());
  result.ms_per_image_min = times.front();
  result.ms_per_image_median = times[times.size() / 2];
  return result;
}

Json BenchmarkResult::to_json() const {
  Json json = {{"batch_size", batch_size},
               {"repetitions", repetitions},
               {"ms_per_image_min", rounded(ms_per_image_min)},
               {"ms_per_image_median", rounded(ms_per_image_median)},
               {"images_per_second_max", rounded(per_second(ms_per_image_min))},
               {"images_per_second_median", rounded(per_second(ms_per_image_median))},
               {"choices", choices}};
  if (profile) json["profile"] = engine::profile_json(*profile);
  return json;
}

std::string BenchmarkResult::to_text() const {
  char text[256];
  std::snprintf(text, sizeof text,
                "batch %lld, %lld repetitions\n"
                "minimum %10.3f ms/image %10.1f images/s\n"
                "median  %10.3f ms/image %10.1f images/s\n",
                static_cast<long long>(batch_size), static_cast<long long>(repetitions),
                ms_per_image_min, per_second(ms_per_image_min), ms_per_image_median,
                per_second(ms_per_image_median));
  std::string chosen = text;
  for (const auto& [name, value] : choices.items())
    chosen += name + " " + (value.is_string() ? value.get<std::string>() : value.dump()) + "\n";
  if (profile) chosen += engine::profile_table(*profile);
  return chosen;
}

}  // namespace vit::infer
