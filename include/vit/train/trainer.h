// A training run: batches in, model files, logs and checkpoints out.
#pragma once

#include <ATen/core/Generator.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vit/core/log.h"
#include "vit/data/loader.h"
#include "vit/data/metrics.h"
#include "vit/train/checkpoint.h"
#include "vit/train/ema.h"
#include "vit/train/objective.h"
#include "vit/train/optimizer.h"
#include "vit/train/schedule.h"
#include "vit/train/setup.h"

namespace vit::train {

struct DatasetRecord;

/// Where a run stands. Part of every checkpoint.
struct TrainState {
  std::int64_t epoch = 0;           ///< whole epochs done
  std::int64_t step_in_epoch = 0;   ///< steps done of the epoch that is running
  std::int64_t step = 0;            ///< steps done
  double loss_sum = 0;              ///< over the running epoch's images
  std::int64_t loss_images = 0;     ///< how many images loss_sum counts
  std::optional<double> best_top1;  ///< percent
  std::int64_t best_epoch = 0;      ///< from 1
  double seconds = 0;               ///< of work so far
};

template <class Visitor>
void visit(TrainState& s, Visitor&& v) {
  v("epoch", s.epoch);
  v("step_in_epoch", s.step_in_epoch);
  v("step", s.step);
  v("loss_sum", s.loss_sum);
  v("loss_images", s.loss_images);
  v("best_top1", s.best_top1);
  v("best_epoch", s.best_epoch);
  v("seconds", s.seconds);
}

struct StepReport {
  std::int64_t epoch = 0, epochs = 0;                   ///< from 1
  std::int64_t step_in_epoch = 0, steps_per_epoch = 0;  ///< from 1
  std::int64_t step = 0, total_steps = 0;               ///< from 1
  double loss = 0;                                      ///< of this step
  double mean_loss = 0;                                 ///< of the epoch so far
  double lr = 0;
  double images_per_second = 0;
  double seconds_left = 0;  ///< to the end of training
};

struct EpochReport {
  std::int64_t epoch = 0, epochs = 0;                   ///< from 1
  std::int64_t step_in_epoch = 0, steps_per_epoch = 0;  ///< fewer: `max_steps` ended the run here
  double train_loss = 0;
  std::optional<double> loss, top1, top5;  ///< of the validation images; none: not evaluated
  double lr = 0;
  double seconds = 0;  ///< of the run so far
  bool best = false;
};

/// Whoever watches a run. Every member may be empty.
struct TrainCallbacks {
  std::function<void(const StepReport&)> step;
  std::function<void(std::int64_t done, std::int64_t all)> evaluation;  ///< images
  std::function<void(const EpochReport&)> epoch;
  std::function<int()> stop;  ///< asked after each step: not 0 saves and leaves
};

struct TrainResult {
  bool finished = false;  ///< all epochs done
  int stop = 0;           ///< what `TrainCallbacks::stop` said
  TrainState state;
};

/// The images are not those of the run that is resumed.
class DatasetChanged : public DataError {
 public:
  using DataError::DataError;
};

struct ResumeOptions {
  /// Goes on with other images of the same classes; else they are an error.
  bool allow_dataset_change = false;
};

/// On a CPU, same options, seed, machine and thread count: same bits, also when a run is stopped
/// and resumed. On CUDA that is not promised.
class Trainer {
 public:
  /// Throws UsageError where the options do not fit the data or each other.
  Trainer(TrainOptions options, TrainSetup setup, Log& log, TrainCallbacks callbacks = {});
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Puts everything back to where it was when `checkpoint` was written. On another kind of device
  /// the generator is seeded anew from seed and step, with a warning. `options.epochs` may be
  /// another number: the schedule follows it. Throws DataError where the checkpoint is of another
  /// model, optimiser or classes, DatasetChanged, IoError.
  void resume(const std::filesystem::path& checkpoint, const ResumeOptions& how = {});

  /// Trains to the end, to `max_steps` or until told to stop. Fills `options.output`: args.json,
  /// log.jsonl, summary.csv, best.safetensors, last.safetensors, checkpoints/. A run that
  /// `max_steps` ends is evaluated where it stands; one that is resumed from there is the same as
  /// one that never stopped. The model's mode is put back.
  /// Throws NotFiniteError before the update that a loss that is not finite would make, UsageError
  /// without an output, IoError.
  TrainResult fit();

  const TrainState& state() const { return state_; }
  const VisionTransformer& model() const { return model_; }
  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  std::int64_t total_steps() const { return schedule_.total_steps; }

 private:
  struct Output;

  Trainer(RunSteps steps, TrainOptions options, TrainSetup setup, Log& log,
          TrainCallbacks callbacks);

  bool train_epoch();
  bool at_max_steps() const;
  bool is_evaluated(std::int64_t epoch) const;
  std::int64_t schedule_step() const;
  EpochReport make_report() const;
  void write_row(const EpochReport& report);
  void train_step(data::Loader& loader);
  double forward_backward(data::Batch& batch, std::int64_t number);
  bool finish_epoch();
  void finish_early();
  std::optional<data::Metrics> evaluate_epoch();
  void record_step(double loss, double lr, std::int64_t images);
  void save_checkpoint(bool with_best = false);
  bool check_dataset(const std::filesystem::path& checkpoint, const ResumeOptions& how);
  void restore_generator(const std::filesystem::path& file, const at::Tensor& stored,
                         std::int64_t step);
  void save_model_file(const char* name);
  bool told_to_stop();
  data::Loader make_loader() const;
  void check_finite(double value, const char* what, const data::Batch& batch);
  NamedTensors training_tensors() const;

  TrainOptions options_;
  Log& log_;
  TrainCallbacks callbacks_;
  ModelConfig config_;
  VisionTransformer model_;
  std::shared_ptr<const data::Dataset> train_data_, val_data_;
  data::TrainTransform transform_;
  Objective objective_;
  c10::Device device_;
  at::Generator generator_;
  std::unique_ptr<DatasetRecord> record_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Ema> ema_;
  ScheduleOptions schedule_;
  std::int64_t steps_per_epoch_ = 0;
  TrainState state_;
  std::shared_ptr<Output> output_;  // open while fit runs
  int stop_ = 0;
  double step_seconds_ = 0;  // of one step, averaged
  std::chrono::steady_clock::time_point last_step_;
};

}  // namespace vit::train

namespace vit {
using train::Trainer;
using train::TrainOptions;
}  // namespace vit
