// How Python rounds.
#pragma once

#include <cmath>
#include <cstdint>

namespace vit::data {

/// Python's `round`: halves to even (the default rounding mode).
inline std::int64_t python_round(double value) {
  return static_cast<std::int64_t>(std::nearbyint(value));
}

}  // namespace vit::data
