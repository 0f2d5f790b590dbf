// From options to what a run needs: the model with its configuration, the images, the steps.
#pragma once

#include <filesystem>
#include <memory>

#include "vit/config/model_config.h"
#include "vit/core/log.h"
#include "vit/data/dataset.h"
#include "vit/model/vision_transformer.h"
#include "vit/train/schedule.h"
#include "vit/train/train_options.h"

namespace vit::train {

class Lora;
class Teacher;

struct TrainSetup {
  ModelConfig config;  ///< what the model files will say
  VisionTransformer model{nullptr};
  std::shared_ptr<Lora> lora;  ///< what is trained of the model beside its heads; null: all of it
  std::shared_ptr<Teacher> teacher;  ///< null: it learns from the labels alone
  std::shared_ptr<const data::Dataset> train_data, val_data;
};

/// How many numbers are trained.
std::int64_t count_trained(const TrainSetup& setup);

/// The configuration of `options.model` with everything that the options change in it but the
/// number of classes. Throws UsageError, DataError, IoError.
ModelConfig model_config(const TrainOptions& options);

/// Opens the data, then makes the model: drawn from `options.seed` (the same weights on every
/// device), or loaded and adapted. A loaded model's head is kept where the class names of the file
/// and the dataset are the same (its rows permuted where their order is another), and where one of
/// them has no names and the number of classes is the same; else it is new. Which of these is said
/// in `log`. Throws DataError, IoError, UsageError.
TrainSetup prepare(const TrainOptions& options, Log& log);

/// The same for a run that is resumed: the model's form and configuration are those of the model
/// file in its checkpoint; what the run began with is not needed any more.
TrainSetup prepare_resumed(const TrainOptions& options, const std::filesystem::path& model_file,
                           Log& log);

/// How long a run is.
struct RunSteps {
  std::int64_t per_epoch = 0;
  std::int64_t epochs = 0;  ///< the last is shorter where `total_steps` says so
  Schedule schedule;        ///< with the steps of the whole run
};

/// Everything about options, model and data that can be wrong is found here, before a run begins.
/// Throws UsageError, naming the field.
RunSteps plan_steps(const TrainOptions& options, const TrainSetup& setup);

/// Bytes that a run needs at its peak, within a fifth: weights, gradients, optimiser, average, what
/// a step keeps for its backward pass, batches and images in memory; on a CPU the program too.
double estimate_memory(const TrainOptions& options, const TrainSetup& setup);

}  // namespace vit::train
