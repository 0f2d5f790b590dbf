// Random numbers that depend on their key alone: not on threads, order or platform.
#pragma once

#include <cstdint>

namespace vit {

/// SplitMix64 (Steele et al. 2014), keyed so that each (seed, epoch, sample) has its own stream.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// The stream of one sample of one epoch.
  Random(std::uint64_t seed, std::uint64_t epoch, std::uint64_t index);

  std::uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in {0, …, count − 1}, without bias. `count` > 0.
  std::uint64_t below(std::uint64_t count);
  /// Standard normal (Box-Muller).
  double normal();
  /// Gamma with scale 1 (Marsaglia and Tsang 2000). `shape` > 0.
  double gamma(double shape);
  /// Beta, in [0, 1]. `a`, `b` > 0.
  double beta(double a, double b);

 private:
  std::uint64_t state_;
};

}  // namespace vit
