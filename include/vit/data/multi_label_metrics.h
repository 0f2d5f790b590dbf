// How well a classifier did where an image has any number of classes: average precision.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vit/core/array.h"

namespace vit::data {

/// Keeps every score, for precision is over all images at once. For one thread at a time.
class MultiLabelMetrics {
 public:
  explicit MultiLabelMetrics(std::int64_t num_classes);

  /// logits: [B, num_classes]; labels: the classes of each image. Throws DataError where the shapes
  /// differ or a label is no class.
  void add(const Array& logits, std::span<const std::vector<std::int64_t>> labels);

  std::int64_t images() const { return images_; }
  /// Mean binary cross entropy over images and classes.
  double loss() const;
  /// How many images have class `c`.
  std::int64_t positives(std::int64_t c) const;
  /// scikit-learn's `average_precision_score` of class `c`, in percent: the sum of (R_n - R_{n-1})
  /// P_n over the distinct scores from the highest on. None where no image has the class.
  std::optional<double> average_precision(std::int64_t c) const;
  /// mAP in percent: the mean over the classes that images have; 0 where there are none.
  double mean_average_precision() const;

 private:
  std::optional<double> compute_precision(std::int64_t c) const;

  std::int64_t images_ = 0;
  double loss_sum_ = 0;
  std::vector<std::vector<float>> scores_;                 // of each class, of all images
  std::vector<std::vector<bool>> relevant_;                // as scores_
  mutable std::vector<std::optional<double>> precisions_;  // of all classes; empty: not known yet
};

}  // namespace vit::data
