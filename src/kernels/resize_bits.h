// The fixed point of Pillow's resize.
#pragma once

#include <algorithm>
#include <cstdint>

namespace vit::kernels {

/// Fraction bits of a weight: 32 less 8 of a pixel and 2 for sums beyond [0, 1].
inline constexpr int kResizeBits = 32 - 8 - 2;

/// What a sum starts from, so that the shift rounds half up.
inline constexpr std::int32_t kResizeHalf = 1 << (kResizeBits - 1);

inline std::uint8_t resize_clip(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kResizeBits, 0, 255));
}

}  // namespace vit::kernels
