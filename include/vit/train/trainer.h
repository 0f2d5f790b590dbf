// A training run: batches in, model files, logs and checkpoints out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "vit/core/log.h"
#include "vit/core/visit.h"
#include "vit/train/setup.h"

namespace vit::train {

/// Where a run stands. Part of every checkpoint.
struct TrainState {
  std::int64_t epoch = 0;           ///< whole epochs done
  std::int64_t step_in_epoch = 0;   ///< steps done of the epoch that is running
  std::int64_t step = 0;            ///< steps done
  double loss_sum = 0;              ///< over the running epoch's images
  std::int64_t loss_images = 0;     ///< how many images loss_sum counts
  std::int64_t bad_images = 0;      ///< replaced in the running epoch
  std::optional<double> best_top1;  ///< percent; of a multi-label dataset mAP
  std::int64_t best_epoch = 0;      ///< from 1
  double seconds = 0;               ///< of work so far
  double loss_scale = 65536;        ///< of float16: the next step's
  std::int64_t good_steps = 0;      ///< of float16: since loss_scale last changed
};

template <class Visitor>
void visit(TrainState& s, Visitor&& v) {
  v("epoch", s.epoch);
  v("step_in_epoch", s.step_in_epoch);
  v("step", s.step);
  v("loss_sum", s.loss_sum);
  v("loss_images", s.loss_images);
  v("bad_images", s.bad_images);
  v("best_top1", s.best_top1);
  v("best_epoch", s.best_epoch);
  v("seconds", s.seconds);
  v("loss_scale", s.loss_scale);
  v("good_steps", s.good_steps);
}

struct StepReport {
  std::int64_t epoch = 0, epochs = 0;                   ///< from 1
  std::int64_t step_in_epoch = 0, steps_per_epoch = 0;  ///< from 1
  std::int64_t step = 0, total_steps = 0;               ///< from 1
  double loss = 0;                                      ///< of this step
  double mean_loss = 0;                                 ///< of the epoch so far
  double lr = 0;
  double images_per_second = 0;
  /// Share of a step's time in which the host waits for its images. On CUDA the host runs ahead of
  /// the device, which then computes all the same.
  double waiting = 0;
  double seconds_left = 0;  ///< to the end of training
};

struct EpochReport {
  std::int64_t epoch = 0, epochs = 0;                   ///< from 1
  std::int64_t step_in_epoch = 0, steps_per_epoch = 0;  ///< fewer: `max_steps` ended the run here
  double train_loss = 0;
  std::optional<double> loss, top1, top5;  ///< of the validation images; none: not evaluated
  std::optional<double> map;               ///< of a multi-label dataset, instead of top1 and top5
  double lr = 0;
  /// As StepReport's, of the epoch's steps, or those since a resumed run began; none: there are
  /// none.
  std::optional<double> waiting;
  double seconds = 0;               ///< of the run so far
  std::int64_t bad_images = 0;      ///< that were replaced
  std::int64_t bad_val_images = 0;  ///< that were not evaluated
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
  /// The output is not the folder of the run that `checkpoint` is of: a best model begins anew.
  bool new_run = false;
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
  /// model, optimiser, teacher or classes, DatasetChanged, IoError; UsageError where a new run
  /// would have nothing to train.
  void resume(const std::filesystem::path& checkpoint, const ResumeOptions& how = {});

  /// Trains to the end, to `max_steps` or until told to stop. Fills `options.output`: args.json,
  /// log.jsonl, summary.csv, report.html, best.safetensors, last.safetensors, checkpoints/. A run
  /// that `max_steps` ends is evaluated where it stands; one that is resumed from there is the same
  /// as one that never stopped. The model's mode is put back. A bad image is replaced by the
  /// dataset's next good one, a bad one to validate on is left out; both are counted. Throws
  /// DataError where more than 1 % of an epoch's images or of those to validate on are bad, or 20
  /// in a row; NotFiniteError before the update that a loss that is not finite would make,
  /// UsageError without an output, IoError.
  TrainResult fit();

  const TrainState& state() const;
  /// Of the whole run, as the schedule counts them.
  std::int64_t total_steps() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vit::train

namespace vit {
using train::Trainer;
using train::TrainOptions;
}  // namespace vit
