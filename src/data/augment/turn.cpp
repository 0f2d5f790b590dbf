// Rotation, shear and translation: the matrices of timm and Pillow.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numbers>

#include "data/augment/kinds.h"

namespace vit::data::augment {
namespace {

/// Python's `round(value, 15)`: through the decimal digits.
double rounded_15(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15f", value);
  return std::strtod(text, nullptr);
}

void turn_half(Image& image) {
  flip_horizontal(image);
  flip_vertical(image);
}

/// A quarter turn of a square image, counter-clockwise.
void turn_quarter(Image& image) {
  const Image from = image;
  const auto last = image.width - 1;
  for (std::int64_t y = 0; y < image.height; ++y)
    for (std::int64_t x = 0; x < image.width; ++x)
      std::memcpy(image.row(last - x) + y * image.channels, from.row(y) + x * image.channels,
                  static_cast<std::size_t>(image.channels));
}

}  // namespace

void rotate(Image& image, double degrees, const Canvas& canvas) {
  // Python's %: of the divisor's sign.
  double angle = std::fmod(degrees, 360.0);
  if (angle < 0.0) angle += 360.0;
  if (angle == 0.0) return;
  if (angle == 180.0) return turn_half(image);
  if ((angle == 90.0 || angle == 270.0) && image.width == image.height) {
    if (angle == 270.0) turn_half(image);
    return turn_quarter(image);
  }
  const double radians = -(angle * (std::numbers::pi / 180.0));
  const double cosine = rounded_15(std::cos(radians));
  const double sine = rounded_15(std::sin(radians));
  const double x = static_cast<double>(image.width) / 2.0;
  const double y = static_cast<double>(image.height) / 2.0;
  const double minus_sine = rounded_15(-std::sin(radians));
  std::array<double, 6> matrix{cosine, sine, 0.0, minus_sine, cosine, 0.0};
  matrix[2] = cosine * -x + sine * -y + 0.0 + x;
  matrix[5] = minus_sine * -x + cosine * -y + 0.0 + y;
  image = affine(image, matrix, canvas);
}

void shear_x(Image& image, double factor, const Canvas& canvas) {
  image = affine(image, {1, factor, 0, 0, 1, 0}, canvas);
}

void shear_y(Image& image, double factor, const Canvas& canvas) {
  image = affine(image, {1, 0, 0, factor, 1, 0}, canvas);
}

void translate_x(Image& image, double pixels, const Canvas& canvas) {
  image = affine(image, {1, 0, pixels, 0, 1, 0}, canvas);
}

void translate_y(Image& image, double pixels, const Canvas& canvas) {
  image = affine(image, {1, 0, 0, 0, 1, pixels}, canvas);
}

}  // namespace vit::data::augment
