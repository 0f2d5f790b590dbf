// The model that a distilled run learns from.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "vit/config/model_config.h"
#include "vit/core/log.h"
#include "vit/model/vision_transformer.h"
#include "vit/train/train_options.h"

namespace vit::train {

class Teacher {
 public:
  /// Loads `options.distillation.teacher` for a student of `student`'s classes and input. Its
  /// classes are brought into the student's order by their names, `names` (empty: nobody named
  /// them). Throws UsageError where the two have other classes or another input, IoError,
  /// DataError.
  Teacher(const TrainOptions& options, const ModelConfig& student,
          const std::vector<std::string>& names, c10::Device device);

  /// images: [B, in_c, H, W] as the student's preprocessing normalises them → [B, num_classes],
  /// without gradients, in eval mode.
  at::Tensor logits(const at::Tensor& images);

  /// Of its weights, in memory.
  std::int64_t bytes() const;
  /// SHA-256 of its weights, as its file has them, and its normalisation.
  std::string digest() const;

 private:
  VisionTransformer model_{nullptr};
  Preprocessing preprocessing_;
  std::vector<std::int64_t> rows_;  // of its file's head that its own are; empty: in its order
  at::Tensor scale_, shift_;        // from the student's normalisation to the teacher's
};

}  // namespace vit::train
