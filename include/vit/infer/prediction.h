// What a classifier says of an image: its most probable classes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vit::infer {

struct Prediction {
  std::int64_t index = 0;  ///< class
  float prob = 0;
};

/// The k most probable classes of one row of logits, by softmax in float32, the lower index first
/// among equals; all classes where k is more.
std::vector<Prediction> top_k(std::span<const float> logits, std::int64_t k);

}  // namespace vit::infer
