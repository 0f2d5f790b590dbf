#include "vit/pipeline/overlay.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "vit/data/resize.h"

namespace vit::pipeline {
namespace {

/// Dark blue over green to yellow and red, for `t` in [0, 1]: few steps, mixed between.
std::array<double, 3> colour(double t) {
  static constexpr std::array<std::array<double, 3>, 5> steps{
      {{48, 18, 110}, {30, 120, 210}, {60, 200, 120}, {250, 210, 50}, {200, 30, 20}}};
  const double at = std::clamp(t, 0.0, 1.0) * (steps.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(at), steps.size() - 2);
  const double share = at - static_cast<double>(low);
  std::array<double, 3> mixed{};
  for (std::size_t c = 0; c < 3; ++c)
    mixed[c] = steps[low][c] * (1 - share) + steps[low + 1][c] * share;
  return mixed;
}

}  // namespace

data::Image overlay_attention(const data::Image& image, std::span<const float> map,
                              std::int64_t grid_h) {
  data::Image heat(grid_h, static_cast<std::int64_t>(map.size()) / grid_h, 1);
  for (std::size_t i = 0; i < heat.pixels.size(); ++i)
    heat.pixels[i] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(map[i], 0.0F, 1.0F)));
  heat = data::resize(heat, image.height, image.width, data::Filter::kBicubic);
  data::Image overlay(image.height, image.width, 3);
  for (std::size_t i = 0; i < heat.pixels.size(); ++i) {
    const double t = heat.pixels[i] / 255.0;
    const auto mixed = colour(t);
    // Where nothing was looked at, the image shows through, dimmed.
    const double share = 0.35 + 0.3 * t;
    for (std::size_t c = 0; c < 3; ++c) {
      const auto channel = image.channels == 3 ? c : 0;
      const auto own = image.pixels[i * static_cast<std::size_t>(image.channels) + channel];
      overlay.pixels[i * 3 + c] =
          static_cast<std::uint8_t>(std::lround(own * (1 - share) + mixed[c] * share));
    }
  }
  return overlay;
}

}  // namespace vit::pipeline
