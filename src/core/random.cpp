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

}  // namespace vit
