// Pillow's YCbCr (`src/libImaging/ConvertYCbCr.c`): 6-bit fixed point, truncated after adding a
// half.
#pragma once

#include <algorithm>
#include <cstdint>

namespace vit::data {

inline void ycbcr_to_rgb(const std::uint8_t* ycbcr, std::uint8_t* rgb) {
  constexpr int kBits = 6;
  const auto part = [](double factor, std::uint8_t chroma) {
    // Pillow's tables are rounded so, also below zero. NOLINTNEXTLINE(bugprone-incorrect-roundings)
    return static_cast<int>(factor * (1 << kBits) * (chroma - 128) + 0.5);
  };
  const int y = ycbcr[0];
  const auto cb = ycbcr[1];
  const auto cr = ycbcr[2];
  const int red = y + (part(1.402, cr) >> kBits);
  const int green = y + ((part(-0.34414, cb) + part(-0.71414, cr)) >> kBits);
  const int blue = y + (part(1.772, cb) >> kBits);
  rgb[0] = static_cast<std::uint8_t>(std::clamp(red, 0, 255));
  rgb[1] = static_cast<std::uint8_t>(std::clamp(green, 0, 255));
  rgb[2] = static_cast<std::uint8_t>(std::clamp(blue, 0, 255));
}

}  // namespace vit::data
