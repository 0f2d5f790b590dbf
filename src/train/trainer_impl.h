// A running Trainer: what it holds, and the steps of its walk.
#pragma once

#include <ATen/core/Generator.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "bad_images.h"
#include "clock.h"
#include "dataset_record.h"
#include "lora.h"
#include "loss_scale.h"
#include "prepared_batches.h"
#include "run_log.h"
#include "run_report.h"
#include "teacher.h"
#include "vit/data/evaluate.h"
#include "vit/runtime/upload.h"
#include "vit/train/checkpoint.h"
#include "vit/train/ema.h"
#include "vit/train/objective.h"
#include "vit/train/optimizer.h"
#include "vit/train/trainer.h"

namespace vit::train {

class Trainer::Impl {
 public:
  Impl(RunSteps steps, TrainOptions options, TrainSetup setup, Log& log, TrainCallbacks callbacks);

  TrainResult fit();
  void resume(const std::filesystem::path& checkpoint, const ResumeOptions& how);

  const TrainState& state() const { return state_; }
  const Schedule& schedule() const { return schedule_; }

 private:
  // The walk of one batch (trainer.cpp).
  void open_log();
  std::vector<std::int64_t> epoch_order() const;
  std::unique_ptr<PreparedBatches> make_batches() const;
  double backward(PreparedBatches& batches);
  void note_bad_images(const PreparedBatch& batch);
  at::Tensor forward_backward(const PreparedBatch& batch);
  bool unscale_gradients();
  void clip_gradients();
  void check_finite(double value, const char* what, std::span<const std::int64_t> images);
  void record_step(double loss, double lr);
  bool told_to_stop();
  TrainResult end();

  // Where the run stands (trainer.cpp).
  bool at_max_steps() const;
  bool at_epochs_end() const { return state_.step_in_epoch == steps_of_epoch(); }
  std::int64_t steps_of_epoch(std::int64_t epoch) const;
  std::int64_t steps_of_epoch() const { return steps_of_epoch(state_.epoch); }  // that is running
  bool is_evaluated(std::int64_t epoch) const;
  bool is_checkpoint_due() const;
  std::int64_t schedule_step() const;

  // What happens where an epoch or the run ends (trainer_epoch.cpp).
  bool finish_epoch();
  bool finish_whole_epoch();
  void finish_early();
  std::optional<data::Evaluation> evaluate_epoch();
  EpochReport make_report() const;
  void write_row(const EpochReport& report);
  void save_model_file(const char* name);

  // Checkpoints (trainer_checkpoint.cpp).
  void save_checkpoint(bool with_best = false);
  NamedTensors training_tensors() const;
  NamedTensors trained() const;
  bool check_dataset(const std::filesystem::path& checkpoint, const ResumeOptions& how);
  void restore_generator(const std::filesystem::path& file, const at::Tensor& stored,
                         std::int64_t step);

  TrainOptions options_;
  Log& log_;
  TrainCallbacks callbacks_;
  ModelConfig config_;
  VisionTransformer model_;
  std::shared_ptr<Lora> lora_;
  std::shared_ptr<Teacher> teacher_;
  std::shared_ptr<const data::Dataset> train_data_, val_data_;
  data::TrainTransform transform_;
  BadImages bad_images_;
  c10::Device device_;
  runtime::Upload upload_;
  Objective objective_;
  at::ScalarType dtype_;
  at::Generator generator_;
  DatasetRecord record_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Ema> ema_;
  Schedule schedule_;
  std::int64_t steps_per_epoch_ = 0;
  std::int64_t epochs_ = 0;
  TrainState state_;
  LossScale loss_scale_;
  std::optional<RunLog> rows_;             // open while fit runs
  std::optional<RunReport> report_;        // as rows_
  std::vector<std::int64_t> step_images_;  // of the step that is running: their indices
  std::int64_t warnings_left_ = 10;        // of bad images
  int stop_ = 0;
  double waited_ = 0;                            // of the step that is running: for its images
  double step_seconds_ = 0, step_waited_ = 0;    // of one step, averaged
  double epoch_seconds_ = 0, epoch_waited_ = 0;  // of the running epoch's steps, in this process
  Clock::time_point last_step_;
};

}  // namespace vit::train
