// Operations that map each value on its own: a table of 256 for each channel, then one look-up.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "data/augment/kinds.h"

namespace vit::data::augment {
namespace {

using Table = std::array<std::uint8_t, 256>;
using Histogram = std::array<std::int64_t, 256>;

template <class Function>
Table make_table(Function&& function) {
  Table table;
  for (std::size_t i = 0; i < table.size(); ++i)
    table[i] = static_cast<std::uint8_t>(function(static_cast<std::int32_t>(i)));
  return table;
}

Table identity() {
  return make_table([](std::int32_t i) { return i; });
}

void look_up(Image& image, const Table& table) {
  for (auto& value : image.pixels) value = table[value];
}

void look_up(Image& image, const std::array<Table, 3>& tables) {
  if (image.channels == 1) return look_up(image, tables[0]);
  auto* value = image.pixels.data();
  const auto* end = value + image.pixels.size();
  for (; value != end; value += 3) {
    value[0] = tables[0][value[0]];
    value[1] = tables[1][value[1]];
    value[2] = tables[2][value[2]];
  }
}

/// Counts of each value, a channel; two sets, so that equal neighbours do not wait for each other.
std::array<Histogram, 3> histograms(const Image& image) {
  const auto channels = static_cast<std::size_t>(image.channels);
  std::array<std::array<std::uint32_t, 256>, 6> counts{};
  const auto& pixels = image.pixels;
  std::size_t i = 0;
  for (; i + 2 * channels <= pixels.size(); i += 2 * channels)
    for (std::size_t c = 0; c < channels; ++c) {
      ++counts[c][pixels[i + c]];
      ++counts[3 + c][pixels[i + channels + c]];
    }
  for (std::size_t c = 0; i < pixels.size(); ++i, ++c) ++counts[c][pixels[i]];
  std::array<Histogram, 3> sums{};
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t v = 0; v < 256; ++v)
      sums[c][v] = std::int64_t{counts[c][v]} + counts[3 + c][v];
  return sums;
}

Table stretched(const Histogram& histogram) {
  const auto filled = [](std::int64_t count) { return count != 0; };
  const auto low = std::find_if(histogram.begin(), histogram.end(), filled) - histogram.begin();
  const auto high =
      255 - (std::find_if(histogram.rbegin(), histogram.rend(), filled) - histogram.rbegin());
  if (high <= low) return identity();
  const double scale = 255.0 / static_cast<double>(high - low);
  const double offset = -static_cast<double>(low) * scale;
  return make_table([&](std::int32_t i) {
    return std::clamp(static_cast<std::int32_t>(static_cast<double>(i) * scale + offset), 0, 255);
  });
}

Table equalized(const Histogram& histogram) {
  std::int64_t total = 0;
  std::int64_t last = 0;
  std::int64_t kinds = 0;
  for (const auto count : histogram) {
    if (count == 0) continue;
    total += count;
    last = count;
    ++kinds;
  }
  const auto step = (total - last) / 255;
  if (kinds <= 1 || step == 0) return identity();
  auto sum = step / 2;
  return make_table([&](std::int32_t i) {
    const auto value = sum / step;
    sum += histogram[static_cast<std::size_t>(i)];
    return std::min<std::int64_t>(value, 255);
  });
}

/// `value` of each channel of `image` changes by the blend from `grey`.
void blend_from(Image& image, std::uint8_t grey, double factor) {
  const auto alpha = static_cast<float>(factor);
  look_up(image, make_table([&](std::int32_t i) {
            return blended(grey, static_cast<std::uint8_t>(i), alpha);
          }));
}

}  // namespace

void auto_contrast(Image& image) {
  const auto counts = histograms(image);
  look_up(image, {stretched(counts[0]), stretched(counts[1]), stretched(counts[2])});
}

void equalize(Image& image) {
  const auto counts = histograms(image);
  look_up(image, {equalized(counts[0]), equalized(counts[1]), equalized(counts[2])});
}

void invert(Image& image) {
  for (auto& value : image.pixels) value = static_cast<std::uint8_t>(255 - value);
}

void posterize(Image& image, double bits) {
  if (bits >= 8) return;
  // Pillow refuses 0 bits, the strongest of timm's levels; black is what the policy describes.
  const auto mask = static_cast<std::uint8_t>(0xFF00U >> static_cast<std::uint32_t>(bits));
  for (auto& value : image.pixels) value &= mask;
}

void solarize(Image& image, double threshold) {
  look_up(image, make_table([&](std::int32_t i) { return i < threshold ? i : 255 - i; }));
}

void solarize_add(Image& image, double add) {
  const auto step = static_cast<std::int32_t>(add);
  look_up(image, make_table([&](std::int32_t i) { return i < 128 ? std::min(255, i + step) : i; }));
}

void brightness(Image& image, double factor) { blend_from(image, 0, factor); }

void contrast(Image& image, double factor) {
  std::int64_t sum = 0;
  if (image.channels == 1) {
    for (const auto value : image.pixels) sum += value;
  } else {
    for (std::size_t i = 0; i < image.pixels.size(); i += 3) sum += luma(&image.pixels[i]);
  }
  const auto mean = static_cast<double>(sum) / static_cast<double>(image.height * image.width);
  blend_from(image, static_cast<std::uint8_t>(std::lround(mean)), factor);
}

}  // namespace vit::data::augment
