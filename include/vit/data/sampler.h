// Which images an epoch shows, in which order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vit::data {

/// timm's `RepeatAugSampler` (1.0.31; Hoffer et al. 2019): each image stands `repeats` times in a
/// row, the row is dealt to the ranks in turn, and each rank takes the first of what it was dealt,
/// as many as make an epoch of the usual length.
struct RepeatOptions {
  double repeats = 3;
  std::int64_t rank = 0;
  std::int64_t world = 1;
  std::int64_t selected_round = 256;  ///< images of an epoch are a multiple of this; 0: not rounded
  double selected_ratio = 0;          ///< images of an epoch by images of a rank; 0: `world`
};

/// The rank's part of `order` (the epoch's order of the images). Throws UsageError on options that
/// cannot be.
std::vector<std::int64_t> repeated(std::span<const std::int64_t> order,
                                   const RepeatOptions& options);

/// The order of an epoch that reads shard after shard: shards shuffled, their images in order
/// through a buffer of `buffer` images from which one is drawn and the next put in its place, as
/// webdataset shuffles. `sizes`: images of each shard. A function of its arguments alone.
std::vector<std::int64_t> shuffled_in_buffer(std::span<const std::int64_t> sizes,
                                             std::int64_t buffer, std::uint64_t seed,
                                             std::uint64_t epoch);

/// As many images as `labels`, every class that has images as often as any other, give or take one;
/// within a class every image as often as any other, give or take one; all in random order. A
/// function of its arguments alone. Throws UsageError on a label that is none of `classes`.
std::vector<std::int64_t> balanced(std::span<const std::int64_t> labels, std::int64_t classes,
                                   std::uint64_t seed, std::uint64_t epoch);

}  // namespace vit::data
