// What a Trainer does where an epoch or the run ends: evaluation, model files, a row, a checkpoint.
#include "trainer_impl.h"
#include "vit/model/weights.h"
#include "vit/train/evaluate.h"

namespace vit::train {
namespace {

/// What the best model is best by.
double score_of(const EpochReport& report) { return report.map ? *report.map : *report.top1; }

void set_metrics(EpochReport& report, const data::Evaluation& result,
                 const std::optional<double>& best) {
  if (result.multi_label) {
    report.loss = result.multi_label->loss();
    report.map = result.multi_label->mean_average_precision();
  } else {
    report.loss = result.metrics.loss();
    report.top1 = result.metrics.top1();
    report.top5 = result.metrics.top5();
  }
  report.bad_val_images = result.failed;
  report.best = !best || score_of(report) > *best;
}

}  // namespace

EpochReport Trainer::Impl::make_report() const {
  EpochReport report;
  report.epoch = state_.epoch + 1;
  report.epochs = epochs_;
  report.step_in_epoch = state_.step_in_epoch;
  report.steps_per_epoch = steps_of_epoch();
  report.train_loss =
      state_.loss_images > 0 ? state_.loss_sum / static_cast<double>(state_.loss_images) : 0;
  report.bad_images = state_.bad_images;
  if (epoch_seconds_ > 0) report.waiting = epoch_waited_ / epoch_seconds_;
  report.lr = learning_rate(schedule_, std::max<std::int64_t>(schedule_step() - 1, 0));
  return report;
}

void Trainer::Impl::write_row(const EpochReport& report) {
  Json row{{"event", "epoch"},    {"epoch", report.epoch},
           {"step", state_.step}, {"train_loss", report.train_loss},
           {"lr", report.lr},     {"seconds", report.seconds}};
  if (report.waiting) row["waiting"] = *report.waiting;
  if (report.loss) row["eval_loss"] = *report.loss;
  if (report.top1) {
    row["eval_top1"] = *report.top1;
    row["eval_top5"] = *report.top5;
  }
  if (report.map) row["eval_map"] = *report.map;
  if (report.bad_images > 0) row["bad_images"] = report.bad_images;
  if (report.bad_val_images > 0) row["eval_bad_images"] = report.bad_val_images;
  rows_->write(row);
}

/// False: told to stop.
bool Trainer::Impl::finish_epoch() {
  if (at_epochs_end() && (!at_max_steps() || is_evaluated(state_.epoch + 1)))
    return finish_whole_epoch();
  finish_early();
  return true;
}

bool Trainer::Impl::finish_whole_epoch() {
  const auto started = Clock::now();
  auto report = make_report();
  report_->set_samples(epoch_order(), static_cast<std::uint64_t>(state_.epoch));
  // Model files never stand there without a checkpoint: a run that is killed between them could not
  // be resumed.
  if (list_checkpoints(std::filesystem::path(options_.run().output()) / "checkpoints").empty())
    save_checkpoint();
  if (is_evaluated(report.epoch)) {
    std::optional<data::Evaluation> metrics;
    try {
      metrics = evaluate_epoch();
    } catch (const Error&) {
      save_checkpoint();  // the resumed run evaluates again
      throw;
    }
    if (!metrics) {  // told to stop: so does that run
      save_checkpoint();
      return false;
    }
    set_metrics(report, *metrics, state_.best_top1);
  }
  state_.seconds += seconds_since(started);
  report.seconds = state_.seconds;
  state_.epoch = report.epoch;
  state_.step_in_epoch = 0;
  state_.loss_sum = 0;
  state_.loss_images = 0;
  state_.bad_images = 0;
  if (report.best) {
    state_.best_top1 = score_of(report);
    state_.best_epoch = report.epoch;
    save_model_file("best.safetensors");
  }
  save_model_file("last.safetensors");
  write_row(report);
  save_checkpoint();
  if (state_.epoch < epochs_ && !at_max_steps()) report_->write(/*running=*/true);
  if (callbacks_.epoch) callbacks_.epoch(report);
  return true;
}

/// max_steps in the middle of an epoch: saved first, so that the run can go on as if it had never
/// stopped, then evaluated. The state knows nothing of this evaluation.
void Trainer::Impl::finish_early() {
  const auto started = Clock::now();
  save_checkpoint();
  save_model_file("last.safetensors");
  auto report = make_report();
  const auto metrics = evaluate_epoch();
  if (!metrics) {
    log_.info("stopped before the evaluation at step {} was done", state_.step);
    return;
  }
  set_metrics(report, *metrics, state_.best_top1);
  report.seconds = state_.seconds + seconds_since(started);
  if (report.best) {
    // The best of the whole epochs goes into the checkpoint: the resumed run begins with it.
    if (state_.best_top1) save_checkpoint(/*with_best=*/true);
    save_model_file("best.safetensors");
  }
  write_row(report);
  if (callbacks_.epoch) callbacks_.epoch(report);
}

std::optional<data::Evaluation> Trainer::Impl::evaluate_epoch() {
  EvaluateOptions how;
  how.preprocessing = config_.preprocessing;
  how.batch_size = options_.batch_size();
  how.workers = loader_workers(options_.run(), device_.is_cpu());
  how.device = device_;
  how.done = callbacks_.evaluation;
  how.stop = [this] {
    if (callbacks_.stop) stop_ = callbacks_.stop();
    return stop_ != 0;
  };
  how.confusion = config_.model.num_classes() <= RunReport::kMostClasses;
  WorstMistakes mistakes(RunReport::kMostMistakes);
  if (!val_data_->is_multi_label())
    how.observe = [&](const data::Batch& batch, const Array& logits) {
      mistakes.add(batch, logits);
    };
  const Ema::Swapped averages(ema_.get());
  auto result = evaluate(model_, val_data_, how);
  if (!result) return result;
  if (result->failed > 0)
    log_.warning("bad images not evaluated: {}, the first: {}", result->failed,
                 error_message(result->error));
  report_->set_evaluation(*result, mistakes);
  return result;
}

void Trainer::Impl::save_model_file(const char* name) {
  const Ema::Swapped averages(ema_.get());
  const Lora::Merged merged(lora_.get());
  model::save_model(std::filesystem::path(options_.run().output()) / name, *model_, config_);
}

}  // namespace vit::train
