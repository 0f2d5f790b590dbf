#include "vit/data/metrics.h"

#include <cmath>

#include "vit/core/error.h"

namespace vit::data {
namespace {

/// How many classes stand before the target. Written as "not less or equal" so that a NaN among
/// the others stands before the target, and a NaN target behind all.
std::int64_t rank_of(std::span<const float> logits, std::size_t target) {
  std::int64_t rank = 0;
  for (std::size_t i = 0; i < logits.size(); ++i)
    rank += !(logits[i] <= logits[target]) || (logits[i] == logits[target] && i < target);
  return rank;
}

/// The most probable class, the lowest index among equals; a NaN is more than any number.
std::size_t best_of(std::span<const float> logits) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < logits.size(); ++i)
    if (!std::isnan(logits[best]) && !(logits[i] <= logits[best])) best = i;
  return best;
}

/// -log softmax(logits)[target].
double cross_entropy(std::span<const float> logits, std::size_t target) {
  const double largest = logits[best_of(logits)];
  double sum = 0;
  for (const auto logit : logits) sum += std::exp(logit - largest);
  return std::log(sum) - (logits[target] - largest);
}

std::size_t counted(std::int64_t num_classes) {
  if (num_classes < 0) throw DataError("metrics: expected classes, found {}", num_classes);
  return static_cast<std::size_t>(num_classes);
}

}  // namespace

Metrics::Metrics(std::int64_t num_classes, bool confusion)
    : per_class_(counted(num_classes)),
      confusion_(confusion ? per_class_.size() * per_class_.size() : 0) {}

void Metrics::add(const Array& logits, std::span<const std::int64_t> targets) {
  const auto classes = static_cast<std::int64_t>(per_class_.size());
  const auto batch = static_cast<std::int64_t>(targets.size());
  if (logits.shape.size() != 2 || logits.size(1) != classes || logits.size(0) != batch)
    throw DataError("metrics: expected logits [B, {}] and targets [B], found {} and [{}]", classes,
                    logits.shape, batch);
  for (const auto target : targets)
    if (target < 0 || target >= classes)
      throw DataError("metrics: expected a class from 0 to {}, found {}", classes - 1, target);
  for (std::size_t i = 0; i < targets.size(); ++i)
    add_row(logits.row(static_cast<std::int64_t>(i)), static_cast<std::size_t>(targets[i]));
}

void Metrics::add_row(std::span<const float> logits, std::size_t target) {
  const auto rank = rank_of(logits, target);
  auto& counts = per_class_[target];
  counts.images += 1;
  counts.top1 += rank < 1;
  counts.top5 += rank < 5;
  images_ += 1;
  top1_ += rank < 1;
  top5_ += rank < 5;
  loss_sum_ += cross_entropy(logits, target);
  if (!confusion_.empty()) ++confusion_[target * logits.size() + best_of(logits)];
}

void Metrics::merge(const Metrics& other) {
  if (other.per_class_.size() != per_class_.size() || other.confusion_.size() != confusion_.size())
    throw DataError("metrics: expected the sums of {} classes, found those of {}",
                    per_class_.size(), other.per_class_.size());
  images_ += other.images_;
  top1_ += other.top1_;
  top5_ += other.top5_;
  loss_sum_ += other.loss_sum_;
  for (std::size_t i = 0; i < per_class_.size(); ++i) {
    per_class_[i].images += other.per_class_.at(i).images;
    per_class_[i].top1 += other.per_class_[i].top1;
    per_class_[i].top5 += other.per_class_[i].top5;
  }
  for (std::size_t i = 0; i < confusion_.size(); ++i) confusion_[i] += other.confusion_.at(i);
}

double Metrics::loss() const {
  return images_ == 0 ? 0.0 : loss_sum_ / static_cast<double>(images_);
}

double Metrics::percent(std::int64_t count) const {
  return images_ == 0 ? 0.0 : 100.0 * static_cast<double>(count) / static_cast<double>(images_);
}

}  // namespace vit::data
