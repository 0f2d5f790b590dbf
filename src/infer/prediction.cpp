#include "vit/infer/prediction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace vit::infer {

std::vector<Prediction> top_k(std::span<const float> logits, std::int64_t k) {
  std::vector<std::int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto count = std::min(static_cast<std::size_t>(k), order.size());
  const auto value = [&](std::int64_t i) {
    const float logit = logits[static_cast<std::size_t>(i)];
    return std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::int64_t a, std::int64_t b) {
                      return value(a) != value(b) ? value(a) > value(b) : a < b;
                    });
  if (count == 0) return {};
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  std::vector<Prediction> predictions;
  for (std::size_t i = 0; i < count; ++i) {
    const double logit = logits[static_cast<std::size_t>(order[i])];
    predictions.push_back({order[i], static_cast<float>(std::exp(logit - largest) / sum)});
  }
  return predictions;
}

std::vector<Prediction> select_classes(std::span<const float> logits,
                                       const SelectOptions& options) {
  auto predictions = top_k(logits, options.k);
  for (auto& [index, prob] : predictions)
    if (options.sigmoid) {
      const double logit = logits[static_cast<std::size_t>(index)];
      prob = static_cast<float>(1 / (1 + std::exp(-logit)));
    }
  if (options.threshold)
    std::erase_if(predictions, [&](const Prediction& one) {
      return !(static_cast<double>(one.prob) >= *options.threshold);
    });
  return predictions;
}

}  // namespace vit::infer
