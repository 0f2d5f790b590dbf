// What a training step minimises.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "vit/model/vision_transformer.h"

namespace vit::train {

/// Mean cross entropy with label smoothing (torch.nn.CrossEntropyLoss), in float32 whatever the
/// logits are. logits: [B, num_classes]; targets: int64 [B].
/// `weights`: [num_classes], of the classes; undefined: all alike.
at::Tensor smoothed_cross_entropy(const at::Tensor& logits, const at::Tensor& targets,
                                  double smoothing, const at::Tensor& weights = {});

/// The same with targets that are shares of the classes (timm.loss.SoftTargetCrossEntropy).
/// logits, targets: [B, num_classes].
at::Tensor soft_target_cross_entropy(const at::Tensor& logits, const at::Tensor& targets,
                                     const at::Tensor& weights = {});

struct BceOptions {
  std::optional<double> target_thresh;  ///< a share above it is 1, else 0; null: as it is
  bool sum_classes = false;             ///< the sum over the classes, not their mean
};

/// Each class by itself (timm.loss.BinaryCrossEntropy). logits, targets: [B, num_classes].
at::Tensor binary_cross_entropy(const at::Tensor& logits, const at::Tensor& targets,
                                const BceOptions& options, const at::Tensor& weights = {});

/// How far a student is from its teacher. logits, teacher: [B, num_classes].
/// KL divergence of the softmaxes at `temperature`, times its square, a mean over the images
/// (timm.task.LogitDistillationTask, TokenDistillationTask).
at::Tensor soft_distillation_loss(const at::Tensor& logits, const at::Tensor& teacher,
                                  double temperature);
/// Cross entropy with the teacher's best class (TokenDistillationTask).
at::Tensor hard_distillation_loss(const at::Tensor& logits, const at::Tensor& teacher);

/// The logits that a model without a teacher is trained by, [B, num_classes]: both heads' mean for
/// timm's distilled models (as its `forward_head` gives without distillation); the first head's for
/// the seed's, whose second sees every token.
at::Tensor training_logits(const VisionTransformer& model,
                           const model::VisionTransformerOutput& output);

}  // namespace vit::train
