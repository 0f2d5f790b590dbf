#include "vit/train/loss.h"

#include <ATen/Functions.h>

namespace vit::train {
namespace {

/// At least float32.
at::Tensor widened(const at::Tensor& logits) {
  return logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
}

std::optional<at::Tensor> given(const at::Tensor& weights) {
  return weights.defined() ? std::optional(weights) : std::nullopt;
}

}  // namespace

at::Tensor smoothed_cross_entropy(const at::Tensor& logits, const at::Tensor& targets,
                                  double smoothing, const at::Tensor& weights) {
  return at::cross_entropy_loss(widened(logits), targets, given(weights), at::Reduction::Mean,
                                /*ignore_index=*/-100, smoothing);
}

at::Tensor soft_target_cross_entropy(const at::Tensor& logits, const at::Tensor& targets,
                                     const at::Tensor& weights) {
  auto losses = -targets * at::log_softmax(widened(logits), -1);
  if (weights.defined()) losses = losses * weights;
  return losses.sum(-1).mean();
}

at::Tensor binary_cross_entropy(const at::Tensor& logits, const at::Tensor& targets,
                                const BceOptions& options, const at::Tensor& weights) {
  const auto shares = options.target_thresh
                          ? targets.gt(*options.target_thresh).to(targets.scalar_type())
                          : targets;
  const auto reduction = options.sum_classes ? at::Reduction::None : at::Reduction::Mean;
  const auto loss = at::binary_cross_entropy_with_logits(widened(logits), shares, given(weights),
                                                         /*pos_weight=*/{}, reduction);
  return options.sum_classes ? loss.sum(-1).mean() : loss;
}

at::Tensor soft_distillation_loss(const at::Tensor& logits, const at::Tensor& teacher,
                                  double temperature) {
  const auto student = at::log_softmax(widened(logits) / temperature, -1);
  const auto target = at::log_softmax(widened(teacher) / temperature, -1);
  const auto batch = static_cast<double>(logits.size(0));
  return at::kl_div(student, target, at::Reduction::Sum, /*log_target=*/true) *
         (temperature * temperature / batch);
}

at::Tensor hard_distillation_loss(const at::Tensor& logits, const at::Tensor& teacher) {
  return at::cross_entropy_loss(widened(logits), teacher.argmax(-1));
}

at::Tensor training_logits(const VisionTransformer& model,
                           const model::VisionTransformerOutput& output) {
  const bool both = output.dist_logits.defined() && model->options.dist_head() == "timm";
  return both ? (output.logits + output.dist_logits) / 2 : output.logits;
}

}  // namespace vit::train
