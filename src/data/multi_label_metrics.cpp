#include "vit/data/multi_label_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "vit/core/error.h"

namespace vit::data {
namespace {

/// -(t log σ(x) + (1 - t) log(1 - σ(x))), without overflow.
double binary_cross_entropy(double logit, bool target) {
  return std::max(logit, 0.0) - (target ? logit : 0.0) + std::log1p(std::exp(-std::abs(logit)));
}

}  // namespace

MultiLabelMetrics::MultiLabelMetrics(std::int64_t num_classes)
    : scores_(static_cast<std::size_t>(std::max<std::int64_t>(num_classes, 0))),
      relevant_(scores_.size()) {}

void MultiLabelMetrics::add(const Array& logits,
                            std::span<const std::vector<std::int64_t>> labels) {
  const auto classes = std::ssize(scores_);
  if (logits.shape.size() != 2 || logits.size(1) != classes || logits.size(0) != std::ssize(labels))
    throw DataError("metrics: expected logits [B, {}] and the labels of B images, found {} and {}",
                    classes, logits.shape, labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::vector<bool> has(scores_.size());
    for (const auto label : labels[i]) {
      if (label < 0 || label >= classes)
        throw DataError("metrics: expected a class from 0 to {}, found {}", classes - 1, label);
      has[static_cast<std::size_t>(label)] = true;
    }
    const auto row = logits.row(static_cast<std::int64_t>(i));
    for (std::size_t c = 0; c < scores_.size(); ++c) {
      loss_sum_ += binary_cross_entropy(row[c], has[c]);
      // What is no number is found last.
      scores_[c].push_back(std::isnan(row[c]) ? -std::numeric_limits<float>::infinity() : row[c]);
      relevant_[c].push_back(has[c]);
    }
  }
  images_ += std::ssize(labels);
  precisions_.clear();
}

double MultiLabelMetrics::loss() const {
  const auto count = static_cast<double>(images_) * static_cast<double>(scores_.size());
  return count == 0 ? 0.0 : loss_sum_ / count;
}

std::int64_t MultiLabelMetrics::positives(std::int64_t c) const {
  return std::ranges::count(relevant_.at(static_cast<std::size_t>(c)), true);
}

std::optional<double> MultiLabelMetrics::compute_precision(std::int64_t c) const {
  const auto all = positives(c);
  if (all == 0) return std::nullopt;
  const auto& scores = scores_[static_cast<std::size_t>(c)];
  const auto& relevant = relevant_[static_cast<std::size_t>(c)];
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  double sum = 0;
  std::int64_t found = 0;
  for (std::size_t i = 0; i < order.size();) {
    std::int64_t here = 0;  // of one score together
    auto end = i;
    for (; end < order.size() && scores[order[end]] == scores[order[i]]; ++end)
      here += relevant[order[end]];
    found += here;
    sum += static_cast<double>(here) * static_cast<double>(found) / static_cast<double>(end);
    i = end;
  }
  return 100.0 * sum / static_cast<double>(all);
}

std::optional<double> MultiLabelMetrics::average_precision(std::int64_t c) const {
  if (precisions_.empty())
    for (std::int64_t i = 0; i < std::ssize(scores_); ++i)
      precisions_.push_back(compute_precision(i));
  return precisions_.at(static_cast<std::size_t>(c));
}

double MultiLabelMetrics::mean_average_precision() const {
  double sum = 0;
  std::int64_t classes = 0;
  for (std::int64_t c = 0; c < std::ssize(scores_); ++c)
    if (const auto precision = average_precision(c)) {
      sum += *precision;
      ++classes;
    }
  return classes == 0 ? 0.0 : sum / static_cast<double>(classes);
}

}  // namespace vit::data
