// The size of what is in some floats.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

namespace vit::engine {

/// The largest |value|: infinite or not a number where one of them is.
inline float largest_magnitude(std::span<const float> values) {
  std::uint32_t largest = 0;  // magnitudes are in the order of their bits
  for (const float value : values)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(value) & 0x7fffffffU);
  return std::bit_cast<float>(largest);
}

}  // namespace vit::engine
