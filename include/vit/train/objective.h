// From a batch and a model's logits to the loss that a step minimises.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vit/data/loader.h"
#include "vit/data/mix.h"
#include "vit/model/vision_transformer.h"
#include "vit/train/loss.h"
#include "vit/train/train_options.h"

namespace vit::train {

/// Whether a second head of the model learns from the teacher, and not its logits. Throws
/// UsageError where that is asked for and there is none.
bool learns_by_token(const DistillationOptions& options, const VisionTransformerOptions& model);

/// As timm's `train.py` (1.0.31) picks it: cross-entropy with smoothing; with Mixup or CutMix,
/// cross-entropy with soft targets; with `bce`, binary cross-entropy with either. Of a multi-label
/// dataset (`labels_csv`) binary cross-entropy, without smoothing.
class Objective {
 public:
  /// `class_weights`: of each class in the loss; empty: all alike. Throws UsageError on mixing that
  /// cannot be.
  /// `device`: of the logits.
  Objective(const TrainOptions& options, std::int64_t num_classes,
            const std::vector<float>& class_weights = {}, c10::Device device = c10::kCPU);

  /// Mixes the images in place, where the options say so, and returns the targets: int64 `[B]`, or
  /// float32 `[B, num_classes]`. What is drawn depends on seed, epoch and the batch's number in the
  /// epoch alone.
  at::Tensor prepare(data::Batch& batch, std::int64_t epoch, std::int64_t number) const;

  /// The mean loss of logits `[B, num_classes]` and what `prepare` gave.
  at::Tensor loss(const at::Tensor& logits, const at::Tensor& targets) const;

  /// The loss of a model's output and what `prepare` gave, weighed with that from `teacher`, the
  /// teacher's logits `[B, num_classes]`; undefined: none.
  at::Tensor loss(const VisionTransformer& model, const model::VisionTransformerOutput& output,
                  const at::Tensor& targets, const at::Tensor& teacher) const;

 private:
  std::vector<float> class_shares(const data::Batch& batch) const;

  std::int64_t num_classes_;
  std::uint64_t seed_;
  double smoothing_;
  bool multi_label_;
  bool bce_;
  BceOptions bce_options_;
  at::Tensor class_weights_;
  DistillationOptions distillation_;
  std::optional<data::Mixer> mixer_;
  std::int64_t mixup_off_epoch_;
};

}  // namespace vit::train
