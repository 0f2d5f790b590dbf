#include "vit/model/metrics.h"

#include <ATen/ATen.h>

#include "vit/core/error.h"

namespace vit::model {
namespace {

/// How many classes stand before the target, [B]. Written as "not less or equal" so that a NaN
/// among the others stands before the target, and a NaN target behind all.
at::Tensor ranks(const at::Tensor& logits, const at::Tensor& targets) {
  const auto column = targets.unsqueeze(1);                               // [B, 1]
  const auto own = logits.gather(1, column);                              // [B, 1]
  const auto index = at::arange(logits.size(1), targets.options());       // [num_classes]
  const auto before = (logits <= own).logical_not();                      // [B, num_classes]
  const auto equal_before = (logits == own).logical_and(index < column);  // [B, num_classes]
  return before.logical_or(equal_before).sum(1);
}

std::size_t counted(std::int64_t num_classes) {
  if (num_classes < 0) throw DataError("metrics: expected classes, found {}", num_classes);
  return static_cast<std::size_t>(num_classes);
}

}  // namespace

Metrics::Metrics(std::int64_t num_classes, bool confusion)
    : per_class_(counted(num_classes)),
      confusion_(confusion ? per_class_.size() * per_class_.size() : 0) {}

void Metrics::add(const at::Tensor& logits, const at::Tensor& targets) {
  const auto classes = static_cast<std::int64_t>(per_class_.size());
  if (logits.dim() != 2 || logits.size(1) != classes || targets.dim() != 1 ||
      targets.size(0) != logits.size(0))
    throw DataError("metrics: expected logits [B, {}] and targets [B], found {} and {}", classes,
                    logits.sizes().vec(), targets.sizes().vec());
  if (logits.size(0) == 0) return;
  const at::NoGradGuard no_grad;
  const auto cpu_targets = targets.to(at::kCPU, at::kLong).contiguous();
  const auto* target = cpu_targets.const_data_ptr<std::int64_t>();
  const auto batch = cpu_targets.numel();
  for (std::int64_t i = 0; i < batch; ++i)
    if (target[i] < 0 || target[i] >= classes)
      throw DataError("metrics: expected a class from 0 to {}, found {}", classes - 1, target[i]);

  const auto scores = logits.to(at::kFloat);
  const auto device_targets = cpu_targets.to(logits.device());
  loss_sum_ +=
      at::cross_entropy_loss(scores, device_targets, {}, at::Reduction::Sum).item<double>();
  const auto rank = ranks(scores, device_targets).to(at::kCPU).contiguous();
  const auto* ranked = rank.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < batch; ++i) {
    auto& counts = per_class_[static_cast<std::size_t>(target[i])];
    counts.images += 1;
    counts.top1 += ranked[i] < 1;
    counts.top5 += ranked[i] < 5;
    top1_ += ranked[i] < 1;
    top5_ += ranked[i] < 5;
  }
  images_ += batch;
  if (confusion_.empty()) return;
  const auto predicted = scores.argmax(1).to(at::kCPU).contiguous();
  const auto* guess = predicted.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < batch; ++i)
    ++confusion_[static_cast<std::size_t>(target[i] * classes + guess[i])];
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

}  // namespace vit::model
