#include "vit/engine/observer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace vit::engine {
namespace {

constexpr double kLargestNumber = 255.0;
/// Shares of the least and the largest input that are tried as the ends of the range.
constexpr int kShares = 40;

/// A value and how often it was seen.
using Seen = std::vector<std::pair<double, double>>;

/// Sum of squared differences from the nearest of 256 numbers from `low` to `high`.
double squared_error(const Seen& seen, double low, double high) {
  const double scale = (high - low) / kLargestNumber;
  double sum = 0.0;
  for (const auto& [value, count] : seen) {
    const double number = std::clamp(std::nearbyint((value - low) / scale), 0.0, kLargestNumber);
    const double difference = low + scale * number - value;
    sum += count * difference * difference;
  }
  return sum;
}

}  // namespace

void LayerInputs::add(std::int64_t first, std::span<const float> values) {
  constexpr std::size_t kBuckets = std::size_t{1} << 16U;
  counts_.resize(kBuckets);
  const auto end = static_cast<std::size_t>(first) + values.size();
  if (squares_.size() < end) {
    squares_.resize(end);
    rows_.resize(end);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto input = static_cast<std::size_t>(first) + i;
    squares_[input] += double{values[i]} * double{values[i]};
    ++rows_[input];
    ++counts_[std::bit_cast<std::uint32_t>(values[i]) >> 16U];
  }
}

std::vector<double> LayerInputs::mean_squares() const {
  std::vector<double> means(squares_.size());
  for (std::size_t i = 0; i < means.size(); ++i)
    means[i] = rows_[i] > 0 ? squares_[i] / static_cast<double>(rows_[i]) : 0.0;
  return means;
}

kernels::RowScale LayerInputs::best_scale() const {
  constexpr kernels::RowScale kAny{1.0F, 0.0F};
  Seen seen;
  double low = 0.0, high = 0.0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    // The middle of the bucket; zero is alone in its own, but for what is next to nothing.
    const bool zero = i % (counts_.size() / 2) == 0;
    const double value =
        zero ? 0.0 : double{std::bit_cast<float>((static_cast<std::uint32_t>(i) << 16U) | 0x8000U)};
    if (!std::isfinite(value)) continue;
    seen.emplace_back(value, static_cast<double>(counts_[i]));
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low == high) return kAny;
  double error = squared_error(seen, low, high);
  // One end after the other, until neither moves.
  for (bool moved = true; moved;) {
    moved = false;
    for (double* end : {&high, &low}) {
      const double most = *end;
      for (int i = 1; i < kShares; ++i) {
        const double before = *end;
        *end = most * i / kShares;
        const double other = low < high ? squared_error(seen, low, high) : error;
        if (other < error) {
          error = other;
          moved = true;
        } else {
          *end = before;
        }
      }
    }
  }
  const auto scale = static_cast<float>((high - low) / kLargestNumber);
  if (!std::isnormal(scale)) return kAny;  // next to nothing, whose inverse is no number
  return {scale, static_cast<float>(low)};
}

}  // namespace vit::engine
