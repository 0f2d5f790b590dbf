#include "vit/core/random.h"

#include <cmath>
#include <numbers>

namespace vit {

Random::Random(std::uint64_t seed, std::uint64_t epoch, std::uint64_t index)
    : state_(Random(Random(Random(seed).next() + epoch).next() + index).next()) {}

std::uint64_t Random::next() {
  state_ += 0x9E3779B97F4A7C15U;
  auto z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

double Random::uniform() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

std::uint64_t Random::below(std::uint64_t count) {
  const auto unbiased = (UINT64_MAX / count) * count;
  auto value = next();
  while (value >= unbiased) value = next();
  return value % count;
}

double Random::normal() {
  const auto radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

double Random::gamma(double shape) {
  // Below 1: that of shape + 1, times uniform^(1 / shape).
  if (shape < 1.0) {
    const double power = std::pow(1.0 - uniform(), 1.0 / shape);
    return gamma(shape + 1.0) * power;
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = normal();
    const double v = 1.0 + c * x;
    if (v <= 0.0) continue;
    const double cube = v * v * v;
    if (std::log(1.0 - uniform()) < 0.5 * x * x + d - d * cube + d * std::log(cube))
      return d * cube;
  }
}

double Random::beta(double a, double b) {
  while (true) {
    const double x = gamma(a);
    const double sum = x + gamma(b);
    // Shapes near 0 may give 0 twice: no ratio.
    if (sum > 0.0) return x / sum;
  }
}

}  // namespace vit
