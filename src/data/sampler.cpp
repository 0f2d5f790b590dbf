#include "vit/data/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "shuffle.h"
#include "vit/core/error.h"
#include "vit/core/random.h"

namespace vit::data {
namespace {

/// Python's `a // b`, which no rounding of a / b falsifies.
std::int64_t floor_quotient(double a, double b) { return std::llround((a - std::fmod(a, b)) / b); }

}  // namespace

std::vector<std::int64_t> repeated(std::span<const std::int64_t> order,
                                   const RepeatOptions& options) {
  const auto& o = options;
  if (!(o.repeats >= 1.0 && o.repeats <= 1000.0))
    throw UsageError("repeated_aug: expected 1 to 1000 repeats, found {}", o.repeats);
  if (o.world < 1 || o.rank < 0 || o.rank >= o.world)
    throw UsageError("expected a rank of 0 to {}, found {}", o.world - 1, o.rank);
  if (o.selected_round < 0 || !(o.selected_ratio >= 0.0))
    throw UsageError("repeated_aug: expected a rounding and a ratio of 0 or more, found {} and {}",
                     o.selected_round, o.selected_ratio);
  if (order.empty()) return {};
  const auto n = std::ssize(order);
  const auto all = static_cast<double>(n) * o.repeats;
  const auto per_rank = static_cast<std::int64_t>(std::ceil(all / static_cast<double>(o.world)));
  const double ratio = o.selected_ratio > 0 ? o.selected_ratio : static_cast<double>(o.world);
  const auto rounded = o.selected_round > 0 && n >= o.selected_round;
  const auto whole = rounded ? n / o.selected_round * o.selected_round : n;
  const double share = static_cast<double>(whole) / ratio;
  const auto selected =
      std::min(static_cast<std::int64_t>(rounded ? std::floor(share) : std::ceil(share)), per_rank);

  const auto row = static_cast<std::int64_t>(std::ceil(all));
  std::vector<std::int64_t> indices;
  indices.reserve(static_cast<std::size_t>(selected));
  for (std::int64_t i = 0; i < selected; ++i) {
    // Dealt in turn, from the start again where the row ends.
    const auto at = (o.rank + i * o.world) % row;
    const auto image = floor_quotient(static_cast<double>(at), o.repeats);
    indices.push_back(order[static_cast<std::size_t>(std::min(image, n - 1))]);
  }
  return indices;
}

std::vector<std::int64_t> shuffled_in_buffer(std::span<const std::int64_t> sizes,
                                             std::int64_t buffer, std::uint64_t seed,
                                             std::uint64_t epoch) {
  if (buffer < 1) throw UsageError("shuffle_buffer: expected at least 1 image, found {}", buffer);
  std::vector<std::int64_t> begins(sizes.size());
  std::exclusive_scan(sizes.begin(), sizes.end(), begins.begin(), std::int64_t{0});
  // A stream that no sample has.
  Random random(seed, epoch, UINT64_MAX);
  std::vector<std::size_t> shards(sizes.size());
  std::iota(shards.begin(), shards.end(), 0U);
  shuffle(shards, random);

  std::vector<std::int64_t> waiting;
  std::vector<std::int64_t> order;
  const auto draw = [&] {
    std::swap(waiting[random.below(waiting.size())], waiting.back());
    order.push_back(waiting.back());
    waiting.pop_back();
  };
  for (const auto shard : shards)
    for (std::int64_t i = 0; i < sizes[shard]; ++i) {
      waiting.push_back(begins[shard] + i);
      if (std::ssize(waiting) == buffer) draw();
    }
  while (!waiting.empty()) draw();
  return order;
}

std::vector<std::int64_t> balanced(std::span<const std::int64_t> labels, std::int64_t classes,
                                   std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::vector<std::int64_t>> images(static_cast<std::size_t>(classes));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes)
      throw UsageError("sampler: expected a class from 0 to {}, found {}", classes - 1, labels[i]);
    images[static_cast<std::size_t>(labels[i])].push_back(static_cast<std::int64_t>(i));
  }
  std::erase_if(images, [](const auto& of_class) { return of_class.empty(); });
  if (images.empty()) return {};
  // A stream that no sample has.
  Random random(seed, epoch, UINT64_MAX);
  for (auto& of_class : images) shuffle(of_class, random);
  // Which classes are shown once more than the others changes from epoch to epoch.
  const auto first = random.below(images.size());
  std::vector<std::int64_t> order;
  order.reserve(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& of_class = images[(first + i) % images.size()];
    order.push_back(of_class[i / images.size() % of_class.size()]);
  }
  shuffle(order, random);
  return order;
}

}  // namespace vit::data
