// Gaussian blurs: Pillow's three extended box blurs, torchvision's kernel.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "data/augment/kinds.h"
#include "vit/core/error.h"

namespace vit::data::augment {
namespace {

/// A box of 2·radius + 1 whole pixels and one on each side that counts in part; 24 bits of
/// fraction.
struct Box {
  std::int64_t radius;
  std::uint32_t whole;
  std::uint32_t far;
};

/// Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended box filtering", as
/// in Pillow: float32 but for the square root.
Box extended_box(float sigma, int passes) {
  const float variance = sigma * sigma / static_cast<float>(passes);
  const auto length = static_cast<float>(std::sqrt(12.0 * static_cast<double>(variance) + 1.0));
  const auto whole = static_cast<float>(std::floor((static_cast<double>(length) - 1.0) / 2.0));
  float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
  part /= 6 * (variance - (whole + 1) * (whole + 1));
  const float radius = whole + part;
  Box box{static_cast<std::int64_t>(radius), 0, 0};
  box.whole = static_cast<std::uint32_t>(16777216.0F / (radius * 2 + 1));
  box.far = (16777216U - static_cast<std::uint32_t>(box.radius * 2 + 1) * box.whole) / 2;
  return box;
}

/// Sums and edges of one line of `count` values; `at(k)` is the line moved by k values.
template <class At>
void box_line(const Box& box, std::int64_t count, std::vector<std::uint32_t>& sums, At&& at,
              std::uint8_t* out) {
  auto* sum = sums.data();
  const auto* centre = at(0);
  for (std::int64_t i = 0; i < count; ++i) sum[i] = centre[i];
  for (std::int64_t k = 1; k <= box.radius; ++k) {
    const auto* before = at(-k);
    const auto* after = at(k);
    for (std::int64_t i = 0; i < count; ++i)
      sum[i] += static_cast<std::uint32_t>(before[i] + after[i]);
  }
  const auto* before = at(-box.radius - 1);
  const auto* after = at(box.radius + 1);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto edges = static_cast<std::uint32_t>(before[i] + after[i]);
    out[i] = static_cast<std::uint8_t>((sum[i] * box.whole + edges * box.far + (1U << 23U)) >> 24U);
  }
}

void box_rows(Image& image, const Box& box, int passes) {
  const auto channels = image.channels;
  const auto bytes = image.width * channels;
  const auto margin = (box.radius + 1) * channels;
  std::vector<std::uint8_t> padded(static_cast<std::size_t>(bytes + 2 * margin));
  std::vector<std::uint32_t> sums(static_cast<std::size_t>(bytes));
  for (std::int64_t y = 0; y < image.height; ++y) {
    auto* row = image.row(y);
    for (int pass = 0; pass < passes; ++pass) {
      for (std::int64_t i = 0; i < margin; i += channels) {
        std::memcpy(padded.data() + i, row, static_cast<std::size_t>(channels));
        std::memcpy(padded.data() + margin + bytes + i, row + bytes - channels,
                    static_cast<std::size_t>(channels));
      }
      std::memcpy(padded.data() + margin, row, static_cast<std::size_t>(bytes));
      box_line(
          box, bytes, sums, [&](std::int64_t k) { return padded.data() + margin + k * channels; },
          row);
    }
  }
}

void box_columns(Image& image, const Box& box, int passes) {
  const auto bytes = image.width * image.channels;
  std::vector<std::uint32_t> sums(static_cast<std::size_t>(bytes));
  Image other = image;
  for (int pass = 0; pass < passes; ++pass) {
    for (std::int64_t y = 0; y < image.height; ++y)
      box_line(
          box, bytes, sums,
          [&](std::int64_t k) {
            return image.row(std::clamp<std::int64_t>(y + k, 0, image.height - 1));
          },
          other.row(y));
    std::swap(image.pixels, other.pixels);
  }
}

/// Where reflection without repeating the edge shows `at`.
std::int64_t mirrored(std::int64_t at, std::int64_t length) {
  if (at < 0) return -at;
  return at < length ? at : 2 * (length - 1) - at;
}

}  // namespace

void gaussian_blur(Image& image, double sigma) {
  constexpr int kPasses = 3;
  if (sigma == 0.0) return;
  const auto box = extended_box(static_cast<float>(sigma), kPasses);
  box_rows(image, box, kPasses);
  box_columns(image, box, kPasses);
}

void gaussian_kernel_blur(Image& image, std::int64_t size, double sigma) {
  const auto half = size / 2;
  if (size < 1 || size % 2 == 0 || !(sigma > 0.0) || !(sigma < 1000.0))
    throw UsageError("gaussian blur: expected an odd kernel size and a sigma, found {} and {}",
                     size, sigma);
  if (image.height <= half || image.width <= half)
    throw UsageError("gaussian blur: expected an image larger than {} pixels, found {}x{}", half,
                     image.height, image.width);
  std::vector<float> kernel(static_cast<std::size_t>(size));
  float total = 0;
  for (std::int64_t k = 0; k < size; ++k) {
    const auto x = static_cast<float>(k - half) / static_cast<float>(sigma);
    total += kernel[static_cast<std::size_t>(k)] = std::exp(-0.5F * x * x);
  }
  for (auto& weight : kernel) weight /= total;

  const auto channels = image.channels;
  const auto values = static_cast<std::size_t>(image.width * channels);
  const auto margin = static_cast<std::size_t>(half * channels);
  std::vector<float> between(static_cast<std::size_t>(image.height) * values);
  std::vector<float> padded(values + 2 * margin);
  for (std::int64_t y = 0; y < image.height; ++y) {
    const auto* row = image.row(y);
    for (std::int64_t x = -half; x < image.width + half; ++x)
      for (std::int64_t c = 0; c < channels; ++c)
        padded[static_cast<std::size_t>((x + half) * channels + c)] =
            row[mirrored(x, image.width) * channels + c];
    auto* out = between.data() + static_cast<std::size_t>(y) * values;
    for (std::int64_t k = 0; k < size; ++k) {
      const auto weight = kernel[static_cast<std::size_t>(k)];
      const auto* from = padded.data() + k * channels;
      for (std::size_t i = 0; i < values; ++i) out[i] += weight * from[i];
    }
  }
  std::vector<float> sum(values);
  for (std::int64_t y = 0; y < image.height; ++y) {
    std::fill(sum.begin(), sum.end(), 0.0F);
    for (std::int64_t k = 0; k < size; ++k) {
      const auto weight = kernel[static_cast<std::size_t>(k)];
      const auto* from =
          between.data() + static_cast<std::size_t>(mirrored(y + k - half, image.height)) * values;
      for (std::size_t i = 0; i < values; ++i) sum[i] += weight * from[i];
    }
    auto* row = image.row(y);
    for (std::size_t i = 0; i < values; ++i)
      row[i] = static_cast<std::uint8_t>(std::clamp(std::nearbyint(sum[i]), 0.0F, 255.0F));
  }
}

}  // namespace vit::data::augment
