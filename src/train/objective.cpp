#include "vit/train/objective.h"

#include <ATen/Functions.h>

#include <utility>

#include "vit/torch.h"

namespace vit::train {

bool learns_by_token(const DistillationOptions& options, const VisionTransformerOptions& model) {
  // The seed's second head answers for each token, not for the image.
  const bool has_token = model.distilled() && model.dist_head() == "timm";
  if (options.kd_distill_type() == "token" && !has_token)
    throw UsageError(
        "kd_distill_type: expected logit, for the model has no second head, found token");
  return has_token && options.kd_distill_type() != "logit";
}

Objective::Objective(const TrainOptions& options, std::int64_t num_classes,
                     const std::vector<float>& class_weights, c10::Device device)
    : num_classes_(num_classes),
      seed_(options.run().seed()),
      smoothing_(options.loss().smoothing()),
      multi_label_(!options.labels_csv().empty()),
      bce_(options.loss().bce() || multi_label_),
      bce_options_{options.loss().bce_target_thresh(), options.loss().bce_sum()},
      distillation_(options.distillation()),
      mixup_off_epoch_(options.mix().off_epoch()) {
  if (!class_weights.empty()) class_weights_ = at::tensor(class_weights, at::kFloat).to(device);
  if (options.mix().enabled()) mixer_.emplace(options.mix());
}

/// [B, num_classes], before images are mixed.
std::vector<float> Objective::class_shares(const data::Batch& batch) const {
  if (!multi_label_) return data::one_hot(batch.labels(), num_classes_, smoothing_);
  const auto classes = static_cast<std::size_t>(num_classes_);
  std::vector<float> shares(batch.samples.size() * classes);
  for (std::size_t i = 0; i < batch.samples.size(); ++i)
    for (const auto label : batch.samples[i].labels)
      shares[i * classes + static_cast<std::size_t>(label)] = 1;
  return shares;
}

at::Tensor Objective::prepare(data::Batch& batch, std::int64_t epoch, std::int64_t number) const {
  if (!mixer_ && !bce_) return at::tensor(batch.labels(), at::kLong);
  Array targets({std::ssize(batch.samples), num_classes_});
  targets.data = class_shares(batch);
  if (mixer_ && (mixup_off_epoch_ == 0 || epoch < mixup_off_epoch_)) {
    const auto& images = batch.images;
    const data::BatchShape shape{images.size(0), images.size(1), images.size(2), images.size(3)};
    // A stream that no sample has.
    Random random(seed_, static_cast<std::uint64_t>(epoch),
                  UINT64_MAX - 1 - static_cast<std::uint64_t>(number));
    const auto plan = mixer_->draw(shape, random);
    data::mix_images(plan, shape, batch.images.data);
    data::mix_targets(plan, num_classes_, targets.data);
  }
  return to_tensor(std::move(targets));
}

at::Tensor Objective::loss(const at::Tensor& logits, const at::Tensor& targets) const {
  if (bce_) return binary_cross_entropy(logits, targets, bce_options_, class_weights_);
  if (mixer_) return soft_target_cross_entropy(logits, targets, class_weights_);
  return smoothed_cross_entropy(logits, targets, smoothing_, class_weights_);
}

at::Tensor Objective::loss(const VisionTransformer& model,
                           const model::VisionTransformerOutput& output, const at::Tensor& targets,
                           const at::Tensor& teacher) const {
  if (!teacher.defined()) return loss(training_logits(model, output), targets);
  const bool by_token = learns_by_token(distillation_, model->options);
  const auto& logits = by_token ? output.logits : training_logits(model, output);
  const auto& student = by_token ? output.dist_logits : logits;
  const auto from_teacher =
      distillation_.distillation() == "hard"
          ? hard_distillation_loss(student, teacher)
          : soft_distillation_loss(student, teacher, distillation_.kd_temperature());
  const auto& task_weight = distillation_.task_loss_weight();
  const double task = task_weight.value_or(1.0);
  const double distill =
      distillation_.distill_loss_weight().value_or(task_weight ? 1.0 - *task_weight : 1.0);
  return loss(logits, targets) * task + from_teacher * distill;
}

}  // namespace vit::train
