// How good a model is on a dataset.
#pragma once

#include <functional>
#include <optional>

#include "vit/core/preprocessing.h"
#include "vit/data/dataset.h"
#include "vit/data/evaluate.h"
#include "vit/data/loader.h"
#include "vit/model/vision_transformer.h"

namespace vit::train {

struct EvaluateOptions {
  Preprocessing preprocessing;
  std::int64_t batch_size = 128;
  std::int64_t workers = 1;
  c10::Device device = c10::kCPU;
  bool confusion = false;  ///< data::Metrics::confusion is wanted
  /// Told of each batch and its logits [B, classes]; may be empty.
  std::function<void(const data::Batch&, const Array& logits)> observe;
  std::function<bool()> stop;                            ///< asked while batches come; empty: never
  std::function<void(std::int64_t, std::int64_t)> done;  ///< images done, of all; may be empty
};

/// In eval mode, and float32 where the weights are. None when stopped. The model's mode is put
/// back. Bad images are left out and counted; throws DataError where more than 1 % are bad.
std::optional<data::Evaluation> evaluate(VisionTransformer& model,
                                         const std::shared_ptr<const data::Dataset>& data,
                                         const EvaluateOptions& options);

}  // namespace vit::train
