// The operations one by one; `operations.cpp` holds the table of them.
#pragma once

#include "vit/data/augment/operations.h"

namespace vit::data::augment {

// A table of 256 values a channel.
void auto_contrast(Image& image);
void equalize(Image& image);
void invert(Image& image);
void posterize(Image& image, double bits);
void solarize(Image& image, double threshold);
void solarize_add(Image& image, double add);
void brightness(Image& image, double factor);
void contrast(Image& image, double factor);

// A pixel's channels or its neighbours together.
void color(Image& image, double factor);
void sharpness(Image& image, double factor);
void hue(Image& image, double shift);
void grayscale(Image& image);
void gaussian_blur(Image& image, double sigma);

// The plane turned, slanted, moved.
void rotate(Image& image, double degrees, const Canvas& canvas);
void shear_x(Image& image, double factor, const Canvas& canvas);
void shear_y(Image& image, double factor, const Canvas& canvas);
void translate_x(Image& image, double pixels, const Canvas& canvas);
void translate_y(Image& image, double pixels, const Canvas& canvas);

/// ITU-R 601 luma in 16 bits of fraction, as Pillow's convert('L').
inline std::uint8_t luma(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >>
                                   16U);
}

/// Pillow's blend of two values in float32; what leaves 0 … 255 is clipped.
inline std::uint8_t blended(std::uint8_t low, std::uint8_t high, float alpha) {
  const auto from = static_cast<std::int32_t>(low);
  const auto value =
      static_cast<float>(from) + alpha * static_cast<float>(static_cast<std::int32_t>(high) - from);
  const auto above = value > 0.0F ? value : 0.0F;
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(above < 255.0F ? above : 255.0F));
}

}  // namespace vit::data::augment
