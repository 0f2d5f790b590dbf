// What a classifier says of an image: its most probable classes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vit::infer {

struct Prediction {
  std::int64_t index = 0;  ///< class
  float prob = 0;
};

struct SelectOptions {
  std::int64_t k = 5;               ///< at most so many
  bool sigmoid = false;             ///< each class by itself, not by softmax
  std::optional<double> threshold;  ///< only classes whose probability is at least this
};

/// The most probable classes of one row of logits that the options ask for, as top_k orders them.
std::vector<Prediction> select_classes(std::span<const float> logits, const SelectOptions& options);

/// The k most probable classes of one row of logits, by softmax in float32, the lower index first
/// among equals; all classes where k is more.
std::vector<Prediction> top_k(std::span<const float> logits, std::int64_t k);

}  // namespace vit::infer
