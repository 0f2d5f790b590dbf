// Operations that look at a pixel's channels together, or at its neighbours: saturation, hue,
// sharpness.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "data/augment/kinds.h"

namespace vit::data::augment {
namespace {

/// `values[i]` becomes the blend from `low[i]` to it.
void blend_row(const std::uint8_t* low, std::uint8_t* values, std::int64_t count, float alpha) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = blended(low[i], values[i], alpha);
}

struct Hsv {
  std::uint8_t h, s, v;
};

/// Pillow's `rgb2hsv`: hue and saturation cut, not rounded, to 8 bits.
Hsv to_hsv(const std::uint8_t* rgb) {
  const auto high = std::max({rgb[0], rgb[1], rgb[2]});
  const auto low = std::min({rgb[0], rgb[1], rgb[2]});
  if (low == high) return {0, 0, high};
  const auto range = static_cast<float>(high - low);
  const float saturation = range / static_cast<float>(high);
  const float r = static_cast<float>(high - rgb[0]) / range;
  const float g = static_cast<float>(high - rgb[1]) / range;
  const float b = static_cast<float>(high - rgb[2]) / range;
  float hue = 0;
  if (rgb[0] == high)
    hue = b - g;
  else if (rgb[1] == high)
    hue = static_cast<float>(2.0 + static_cast<double>(r) - static_cast<double>(b));
  else
    hue = static_cast<float>(4.0 + static_cast<double>(g) - static_cast<double>(r));
  hue = static_cast<float>(std::fmod(static_cast<double>(hue) / 6.0 + 1.0, 1.0));
  return {static_cast<std::uint8_t>(static_cast<double>(hue) * 255.0),
          static_cast<std::uint8_t>(static_cast<double>(saturation) * 255.0), high};
}

/// Pillow's `hsv2rgb`.
void from_hsv(const Hsv& hsv, std::uint8_t* rgb) {
  if (hsv.s == 0) {
    rgb[0] = rgb[1] = rgb[2] = hsv.v;
    return;
  }
  const double position = static_cast<double>(hsv.h) * 6.0 / 255.0;
  const auto sector = static_cast<std::int32_t>(position);
  const auto fraction = static_cast<float>(position - static_cast<double>(sector));
  const auto saturation = static_cast<float>(static_cast<double>(hsv.s) / 255.0);
  const auto scaled = [&](double by) {
    return static_cast<std::uint8_t>(std::round(static_cast<double>(hsv.v) * by));
  };
  const double s = static_cast<double>(saturation);
  const double f = static_cast<double>(fraction);
  // Pillow multiplies the two floats first, then subtracts in double.
  const auto p = scaled(1.0 - s);
  const auto q = scaled(1.0 - static_cast<double>(saturation * fraction));
  const auto t = scaled(1.0 - s * (1.0 - f));
  const std::uint8_t v = hsv.v;
  const std::uint8_t colours[6][3] = {{v, t, p}, {q, v, p}, {p, v, t},
                                      {p, q, v}, {t, p, v}, {v, p, q}};
  std::memcpy(rgb, colours[sector % 6], 3);
}

}  // namespace

void blend(const Image& low, Image& high, float alpha) {
  blend_row(low.pixels.data(), high.pixels.data(), static_cast<std::int64_t>(high.pixels.size()),
            alpha);
}

void grayscale(Image& image) {
  if (image.channels != 3) return;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    std::fill_n(&image.pixels[i], 3, luma(&image.pixels[i]));
}

void color(Image& image, double factor) {
  if (image.channels != 3) return;
  if (factor == 0.0) return grayscale(image);
  const auto bytes = image.width * 3;
  std::vector<std::uint8_t> grey(static_cast<std::size_t>(bytes));
  for (std::int64_t y = 0; y < image.height; ++y) {
    auto* row = image.row(y);
    for (std::int64_t i = 0; i < bytes; i += 3) {
      const auto value = luma(row + i);
      auto* to = grey.data() + i;
      to[0] = to[1] = to[2] = value;
    }
    blend_row(grey.data(), row, bytes, static_cast<float>(factor));
  }
}

void sharpness(Image& image, double factor) {
  // Pillow's SMOOTH: (5 × centre + 8 neighbours) / 13, the border left as it is. The sums are
  // whole, and sum / 13 + 1/2 is never nearer to a whole number than 1/26: integers give Pillow's
  // floats.
  if (image.height < 3 || image.width < 3) return;
  const auto alpha = static_cast<float>(factor);
  const auto bytes = image.width * image.channels;
  const auto step = image.channels;
  const auto size = static_cast<std::size_t>(bytes);
  std::vector<std::uint8_t> above(image.row(0), image.row(0) + bytes);
  std::vector<std::uint8_t> centre(size);
  std::vector<std::uint16_t> column(size);
  std::vector<std::uint8_t> smooth(size);
  for (std::int64_t y = 1; y + 1 < image.height; ++y) {
    auto* row = image.row(y);
    const auto* below = image.row(y + 1);
    std::memcpy(centre.data(), row, size);
    for (std::size_t i = 0; i < size; ++i)
      column[i] = static_cast<std::uint16_t>(above[i] + centre[i] + below[i]);
    for (std::int64_t i = step; i < bytes - step; ++i) {
      const auto sum =
          column[static_cast<std::size_t>(i - step)] + column[static_cast<std::size_t>(i)] +
          column[static_cast<std::size_t>(i + step)] + 4 * centre[static_cast<std::size_t>(i)];
      smooth[static_cast<std::size_t>(i)] =
          static_cast<std::uint8_t>(static_cast<std::uint16_t>(sum + 6) / 13);
    }
    blend_row(smooth.data() + step, row + step, bytes - 2 * step, alpha);
    std::swap(above, centre);
  }
}

void hue(Image& image, double shift) {
  if (image.channels != 3) return;
  const auto turn = static_cast<std::uint8_t>(static_cast<std::int32_t>(shift * 255.0));
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    auto* rgb = &image.pixels[i];
    auto hsv = to_hsv(rgb);
    hsv.h = static_cast<std::uint8_t>(hsv.h + turn);
    from_hsv(hsv, rgb);
  }
}

}  // namespace vit::data::augment
