// How well a classifier did: top-1, top-5, loss, per class, and what was taken for what.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vit/core/array.h"

namespace vit::data {

/// One true class: how many images, and how many of them were found.
struct ClassCounts {
  std::int64_t images = 0;
  std::int64_t top1 = 0;
  std::int64_t top5 = 0;
};

/// Sums over batches. The target is in the top k when fewer than k classes stand before it in
/// descending order of logits, the lower index first among equals (so a model that says the same
/// of every class scores chance, and NaN logits score nothing).
class Metrics {
 public:
  /// `confusion` counts every (true, predicted) pair too: num_classes² numbers. Throws DataError
  /// where num_classes is negative.
  explicit Metrics(std::int64_t num_classes, bool confusion = false);

  /// logits: [B, num_classes]; targets: [B].
  /// Throws DataError where the shapes differ or a target is no class.
  void add(const Array& logits, std::span<const std::int64_t> targets);
  /// Adds another's sums. Throws DataError where they are of another number of classes.
  void merge(const Metrics& other);

  std::int64_t images() const { return images_; }
  double top1() const { return percent(top1_); }  ///< percent
  double top5() const { return percent(top5_); }  ///< percent
  double loss() const;                            ///< mean cross entropy, no smoothing
  const std::vector<ClassCounts>& per_class() const { return per_class_; }
  /// [num_classes * num_classes], row = true class, column = predicted; empty unless asked for.
  const std::vector<std::int64_t>& confusion() const { return confusion_; }

 private:
  void add_row(std::span<const float> logits, std::size_t target);
  double percent(std::int64_t count) const;

  std::int64_t images_ = 0, top1_ = 0, top5_ = 0;
  double loss_sum_ = 0;
  std::vector<ClassCounts> per_class_;
  std::vector<std::int64_t> confusion_;
};

}  // namespace vit::data
