#include <algorithm>
#include <cmath>
#include <numbers>

#include "resize_bits.h"
#include "vit/kernels/resize.h"

namespace vit::kernels {
namespace {

struct FilterShape {
  double (*weight)(double x);
  double support;
};

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= std::numbers::pi;
  // Pillow's constants are floats.
  return std::sin(x) / x * (0.54F + 0.46F * std::cos(x));
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

FilterShape shape_of(ResizeFilter filter) {
  switch (filter) {
    case ResizeFilter::kBox:
      return {box, 0.5};
    case ResizeFilter::kBilinear:
      return {bilinear, 1.0};
    case ResizeFilter::kHamming:
      return {hamming, 1.0};
    case ResizeFilter::kLanczos:
      return {lanczos, 3.0};
    default:
      return {bicubic, 2.0};
  }
}

/// Rounded half away from zero.
std::int32_t to_fixed(double weight) {
  return static_cast<std::int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kResizeBits));
}

}  // namespace

std::int64_t ResizeAxis::input_begin() const {
  return *std::min_element(first.begin(), first.end());
}

std::int64_t ResizeAxis::input_end() const {
  std::int64_t end = 0;
  for (std::size_t i = 0; i < first.size(); ++i) end = std::max(end, first[i] + count[i]);
  return end;
}

ResizeAxis make_resize_axis(std::int64_t in, std::int64_t out, ResizeFilter filter,
                            std::int64_t begin, std::int64_t end) {
  const auto shape = shape_of(filter);
  const double scale = static_cast<double>(static_cast<float>(in)) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);
  const double support = shape.support * filter_scale;
  const double inverse = 1.0 / filter_scale;
  ResizeAxis axis;
  axis.taps = std::min(static_cast<std::int64_t>(std::ceil(support)) * 2 + 1, in);
  axis.weights.assign(static_cast<std::size_t>(axis.taps * (end - begin)), 0);
  std::vector<double> weights(static_cast<std::size_t>(axis.taps));
  for (auto i = begin; i < end; ++i) {
    // NOLINTBEGIN(bugprone-incorrect-roundings): Pillow's own rounding, towards zero after + 0.5.
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto low = std::max<std::int64_t>(static_cast<std::int64_t>(center - support + 0.5), 0);
    const auto high = std::min(static_cast<std::int64_t>(center + support + 0.5), in);
    // NOLINTEND(bugprone-incorrect-roundings)
    const auto count = high - low;
    double sum = 0.0;
    for (std::int64_t k = 0; k < count; ++k) {
      const double at = static_cast<double>(k + low) - center + 0.5;
      weights[static_cast<std::size_t>(k)] = shape.weight(at * inverse);
      sum += weights[static_cast<std::size_t>(k)];
    }
    auto* fixed = axis.weights.data() + (i - begin) * axis.taps;
    for (std::int64_t k = 0; k < count; ++k) {
      const auto weight = weights[static_cast<std::size_t>(k)];
      fixed[k] = to_fixed(sum != 0.0 ? weight / sum : weight);
    }
    axis.first.push_back(low);
    axis.count.push_back(count);
  }
  return axis;
}

std::vector<std::int64_t> nearest_inputs(std::int64_t in, std::int64_t out, std::int64_t begin,
                                         std::int64_t end) {
  const double scale = static_cast<double>(static_cast<float>(in)) / static_cast<double>(out);
  std::vector<std::int64_t> inputs;
  // Pillow adds the scale up; (i + 0.5) * scale rounds differently for some sizes.
  double at = scale * 0.5;
  for (std::int64_t i = 0; i < end; ++i, at += scale) {
    const auto input = at < 0.0 ? -1 : static_cast<std::int64_t>(at);
    if (i >= begin) inputs.push_back(input < in ? input : -1);
  }
  return inputs;
}

}  // namespace vit::kernels
