#include "vit/train/loss.h"

namespace vit::train {

at::Tensor smoothed_cross_entropy(const at::Tensor& logits, const at::Tensor& targets,
                                  double smoothing) {
  const auto wide = logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
  return at::cross_entropy_loss(wide, targets, /*weight=*/{}, at::Reduction::Mean,
                                /*ignore_index=*/-100, smoothing);
}

at::Tensor training_logits(const VisionTransformer& model,
                           const model::VisionTransformerOutput& output) {
  const bool both = output.dist_logits.defined() && model->options.dist_head() == "timm";
  return both ? (output.logits + output.dist_logits) / 2 : output.logits;
}

}  // namespace vit::train
