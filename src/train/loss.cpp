#include "vit/train/loss.h"

#include <ATen/Functions.h>

namespace vit::train {
namespace {

/// At least float32.
at::Tensor widened(const at::Tensor& logits) {
  return logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
}

}  // namespace

at::Tensor smoothed_cross_entropy(const at::Tensor& logits, const at::Tensor& targets,
                                  double smoothing) {
  return at::cross_entropy_loss(widened(logits), targets, /*weight=*/{}, at::Reduction::Mean,
                                /*ignore_index=*/-100, smoothing);
}

at::Tensor soft_target_cross_entropy(const at::Tensor& logits, const at::Tensor& targets) {
  return at::sum(-targets * at::log_softmax(widened(logits), -1), -1).mean();
}

at::Tensor binary_cross_entropy(const at::Tensor& logits, const at::Tensor& targets,
                                const BceOptions& options) {
  const auto shares = options.target_thresh
                          ? targets.gt(*options.target_thresh).to(targets.scalar_type())
                          : targets;
  const auto reduction = options.sum_classes ? at::Reduction::None : at::Reduction::Mean;
  const auto loss = at::binary_cross_entropy_with_logits(widened(logits), shares, /*weight=*/{},
                                                         /*pos_weight=*/{}, reduction);
  return options.sum_classes ? loss.sum(-1).mean() : loss;
}

at::Tensor training_logits(const VisionTransformer& model,
                           const model::VisionTransformerOutput& output) {
  const bool both = output.dist_logits.defined() && model->options.dist_head() == "timm";
  return both ? (output.logits + output.dist_logits) / 2 : output.logits;
}

}  // namespace vit::train
