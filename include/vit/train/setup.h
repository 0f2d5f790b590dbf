// From options to what a run needs: the model with its configuration, and the pictures.
#pragma once

#include <memory>

#include "vit/config/model_config.h"
#include "vit/core/log.h"
#include "vit/data/dataset.h"
#include "vit/model/vision_transformer.h"
#include "vit/train/train_options.h"

namespace vit::train {

struct TrainSetup {
  ModelConfig config;  ///< what the model files will say
  VisionTransformer model{nullptr};
  std::shared_ptr<const data::Dataset> train_data, val_data;
};

/// The configuration of `options.model` with everything that the options change in it but the
/// number of classes. Throws UsageError, DataError, IoError.
ModelConfig model_config(const TrainOptions& options);

/// Opens the data, then makes the model: drawn from `options.seed`, or loaded and adapted, with a
/// new head where the number of classes differs. Throws DataError, IoError, UsageError.
TrainSetup prepare(const TrainOptions& options, Log& log);

/// Bytes of weights, gradients, optimiser state and activations of a step, roughly.
std::int64_t estimate_memory(const TrainOptions& options, const VisionTransformer& model);

}  // namespace vit::train
