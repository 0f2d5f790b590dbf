#include "engine/geometry.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "vit/kernels/gemm.h"

namespace vit::engine {
namespace {

/// Keys' cubic convolution with a = -1/2, as PyTorch and Pillow have it where they antialias.
double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kA;
  return 0.0;
}

struct Tap {
  std::int64_t from = 0;
  double weight = 0.0;
};

/// For each of `to` places the places of `from` that it is made of. The kernel widens with the
/// scale where the result is smaller.
std::vector<std::vector<Tap>> taps_of(std::int64_t from, std::int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double wide = std::max(scale, 1.0), support = 2.0 * wide;
  std::vector<std::vector<Tap>> all(static_cast<std::size_t>(to));
  for (std::int64_t i = 0; i < to; ++i) {
    const double center = scale * (static_cast<double>(i) + 0.5);
    const auto begin =
        std::max<std::int64_t>(static_cast<std::int64_t>(std::floor(center - support + 0.5)), 0);
    const auto end =
        std::min<std::int64_t>(static_cast<std::int64_t>(std::floor(center + support + 0.5)), from);
    auto& taps = all[static_cast<std::size_t>(i)];
    double total = 0.0;
    for (auto j = begin; j < end; ++j) {
      const double weight = cubic((static_cast<double>(j) - center + 0.5) / wide);
      taps.push_back({j, weight});
      total += weight;
    }
    for (auto& tap : taps) tap.weight /= total;
  }
  return all;
}

/// Adds the taps' rows of `count` floats: row tap.from begins at from[tap.from · stride].
void add_taps(const std::vector<Tap>& taps, const float* from, std::int64_t stride,
              std::int64_t count, std::vector<double>& sums, float* to) {
  std::fill(sums.begin(), sums.end(), 0.0);
  for (const auto& tap : taps)
    for (std::int64_t c = 0; c < count; ++c)
      sums[static_cast<std::size_t>(c)] += tap.weight * from[tap.from * stride + c];
  for (std::int64_t c = 0; c < count; ++c)
    to[c] = static_cast<float>(sums[static_cast<std::size_t>(c)]);
}

}  // namespace

FloatBuffer Positions::resampled(Grid to) const {
  const auto ld = kernels::padded(columns);
  FloatBuffer result(to.height * to.width * ld);
  if (rows.size() == 0) return result;
  if (to.height == grid.height && to.width == grid.width) {
    std::memcpy(result.data(), rows.data(),
                static_cast<std::size_t>(result.size()) * sizeof(float));
    return result;
  }
  FloatBuffer across(grid.height * to.width * ld);  // resized along the width
  std::vector<double> sums(static_cast<std::size_t>(columns));
  const auto across_taps = taps_of(grid.width, to.width);
  for (std::int64_t y = 0; y < grid.height; ++y)
    for (std::int64_t x = 0; x < to.width; ++x)
      add_taps(across_taps[static_cast<std::size_t>(x)], rows.data() + y * grid.width * ld, ld,
               columns, sums, across.data() + (y * to.width + x) * ld);
  const auto down_taps = taps_of(grid.height, to.height);
  for (std::int64_t y = 0; y < to.height; ++y)
    for (std::int64_t x = 0; x < to.width; ++x)
      add_taps(down_taps[static_cast<std::size_t>(y)], across.data() + x * ld, to.width * ld,
               columns, sums, result.data() + (y * to.width + x) * ld);
  return result;
}

}  // namespace vit::engine
