#include "vit/train/trainer.h"

#include <cmath>

#include "autocast.h"
#include "run_log.h"
#include "vit/core/file.h"
#include "vit/model/weights.h"
#include "vit/nn/random_layer.h"
#include "vit/runtime/device.h"
#include "vit/runtime/generator.h"
#include "vit/train/evaluate.h"
#include "vit/train/loss.h"

namespace vit::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::int64_t whole_steps(const TrainOptions& options, const data::Dataset& data) {
  const auto pictures = options.batch_size * options.accum;
  const auto steps = data.size() / pictures;  // a last step that is not full is left out
  if (steps == 0)
    throw UsageError("--batch-size: expected at most {}, the pictures to train on, found {}",
                     data.size(), pictures);
  return steps;
}

std::int64_t warmup_steps(const TrainOptions& options, std::int64_t steps_per_epoch) {
  if (options.warmup_steps > 0) return options.warmup_steps;
  const double epochs = options.warmup_epochs.value_or(0.05 * static_cast<double>(options.epochs));
  return std::llround(epochs * static_cast<double>(steps_per_epoch));
}

ScheduleOptions make_schedule(const TrainOptions& options, std::int64_t steps_per_epoch) {
  ScheduleOptions schedule;
  schedule.name = options.sched;
  schedule.lr = peak_lr(options);
  schedule.min_lr = options.min_lr;
  schedule.warmup_lr = options.warmup_lr;
  schedule.total_steps = options.epochs * steps_per_epoch;
  schedule.warmup_steps = warmup_steps(options, steps_per_epoch);
  schedule.decay_steps = std::max<std::int64_t>(
      1, std::llround(options.decay_epochs * static_cast<double>(steps_per_epoch)));
  schedule.decay_rate = options.decay_rate;
  return schedule;
}

}  // namespace

struct Trainer::Output {
  RunLog log;
};

Trainer::Trainer(TrainOptions options, TrainSetup setup, Log& log, TrainCallbacks callbacks)
    : options_(std::move(options)),
      log_(log),
      callbacks_(std::move(callbacks)),
      config_(std::move(setup.config)),
      model_(setup.model),
      train_data_(std::move(setup.train_data)),
      val_data_(std::move(setup.val_data)),
      transform_(options_.augment, config_.preprocessing, config_.model.img_size(),
                 config_.model.in_c()),
      device_(runtime::open_device(options_.device)),
      generator_(runtime::make_generator(options_.seed + 1, device_)) {
  check_options(options_);
  steps_per_epoch_ = whole_steps(options_, *train_data_);
  schedule_ = make_schedule(options_, steps_per_epoch_);
  nn::set_generator(*model_, generator_);
  optimizer_ = make_optimizer(options_.opt,
                              make_param_groups(*model_, options_.weight_decay,
                                                options_.layer_decay, config_.model.depth()),
                              {options_.opt_eps, options_.opt_betas[0], options_.opt_betas[1]});
  if (options_.ema) ema_ = std::make_unique<Ema>(*model_, *options_.ema, options_.ema_warmup);
}

TrainResult Trainer::fit() {
  const std::filesystem::path folder = options_.output;
  std::filesystem::create_directories(folder);
  write_file(folder / "args.json", fields_to_json(options_).dump(2) + "\n");
  output_ = std::make_shared<Output>(state_.step == 0
                                         ? Output{RunLog(folder)}
                                         : Output{RunLog(folder, state_.epoch, state_.step)});
  while (state_.epoch < options_.epochs)
    if (!train_epoch() || !finish_epoch()) break;
  output_.reset();
  return {state_.epoch >= options_.epochs, stop_, state_};
}

bool Trainer::train_epoch() {
  model_->train();
  auto loader = make_loader();
  last_step_ = Clock::now();
  while (state_.step_in_epoch < steps_per_epoch_) {
    train_step(loader);
    if (should_stop()) {
      save_checkpoint();
      save_model_file("last.safetensors");
      return false;
    }
    const bool due = options_.checkpoint_every > 0 && state_.step % options_.checkpoint_every == 0;
    if (due && state_.step_in_epoch < steps_per_epoch_) save_checkpoint();
  }
  return true;
}

void Trainer::train_step(data::Loader& loader) {
  const double lr = learning_rate(schedule_, state_.step);
  optimizer_->zero_grad();
  double loss = 0;
  data::Batch last;
  for (std::int64_t part = 0; part < options_.accum; ++part) {
    last = *loader.next();
    loss += forward_backward(last) / static_cast<double>(options_.accum);
  }
  if (options_.clip_grad)
    check_finite(clip_grad_norm(optimizer_->gradients(), *options_.clip_grad), "gradients' norm",
                 last);
  optimizer_->step(lr);
  if (ema_) ema_->update(state_.step);
  record_step(loss, lr, options_.batch_size * options_.accum);
}

double Trainer::forward_backward(const data::Batch& batch) {
  const auto images = batch.images.to(device_), labels = batch.labels.to(device_);
  at::Tensor logits;  // [B, num_classes]
  {
    const Autocast autocast(options_.amp == "bf16", device_.type());
    logits = training_logits(model_, model_->forward(images));
  }
  const auto loss = smoothed_cross_entropy(logits, labels, options_.smoothing);
  const auto value = loss.item<double>();
  check_finite(value, "loss", batch);
  (loss / static_cast<double>(options_.accum)).backward();
  return value;
}

void Trainer::check_finite(double value, const char* what, const data::Batch& batch) {
  if (std::isfinite(value)) return;
  constexpr std::size_t kNamed = 4;
  Json files = Json::array();
  std::string first;
  for (std::size_t i = 0; i < batch.indices.size(); ++i) {
    files.push_back(train_data_->name(batch.indices[i]));
    if (i < kNamed) first += (i == 0 ? "" : ", ") + files.back().get<std::string>();
  }
  output_->log.write({{"event", "not_finite"},
                      {"epoch", state_.epoch + 1},
                      {"step", state_.step + 1},
                      {"what", what},
                      {"files", files}});
  throw NotFiniteError("epoch {}, step {}: the {} is {}; the batch: {}{} (log.jsonl has all {})",
                       state_.epoch + 1, state_.step + 1, what, value, first,
                       files.size() > kNamed ? ", …" : "", files.size());
}

void Trainer::record_step(double loss, double lr, std::int64_t images) {
  const double seconds = seconds_since(last_step_);
  last_step_ = Clock::now();
  state_.seconds += seconds;
  step_seconds_ = step_seconds_ == 0 ? seconds : 0.95 * step_seconds_ + 0.05 * seconds;
  ++state_.step;
  ++state_.step_in_epoch;
  state_.loss_sum += loss * static_cast<double>(images);
  state_.loss_images += images;

  StepReport report{state_.epoch + 1,
                    options_.epochs,
                    state_.step_in_epoch,
                    steps_per_epoch_,
                    state_.step,
                    schedule_.total_steps,
                    loss,
                    state_.loss_sum / static_cast<double>(state_.loss_images),
                    lr,
                    static_cast<double>(images) / step_seconds_,
                    step_seconds_ * static_cast<double>(schedule_.total_steps - state_.step)};
  if (state_.step % options_.log_every == 0)
    output_->log.write({{"event", "step"},
                        {"epoch", report.epoch},
                        {"step", report.step},
                        {"loss", loss},
                        {"lr", lr},
                        {"images_per_second", report.images_per_second}});
  if (callbacks_.step) callbacks_.step(report);
}

bool Trainer::should_stop() {
  if (callbacks_.stop) stop_ = callbacks_.stop();
  return stop_ != 0 || (options_.max_steps > 0 && state_.step >= options_.max_steps);
}

bool Trainer::finish_epoch() {
  const auto started = Clock::now();
  const auto epoch = state_.epoch + 1;
  EpochReport report;
  report.epoch = epoch;
  report.epochs = options_.epochs;
  report.train_loss = state_.loss_sum / static_cast<double>(state_.loss_images);
  report.lr = learning_rate(schedule_, state_.step - 1);
  if (epoch % options_.val_every == 0 || epoch == options_.epochs) {
    const auto metrics = evaluate_epoch();
    if (!metrics) {  // told to stop: the resumed run evaluates again
      save_checkpoint();
      return false;
    }
    report.loss = metrics->loss();
    report.top1 = metrics->top1();
    report.top5 = metrics->top5();
    report.best = !state_.best_top1 || metrics->top1() > *state_.best_top1;
  }
  state_.seconds += seconds_since(started);
  report.seconds = state_.seconds;
  state_.epoch = epoch;
  state_.step_in_epoch = 0;
  state_.loss_sum = 0;
  state_.loss_images = 0;
  if (report.best) {
    state_.best_top1 = report.top1;
    state_.best_epoch = epoch;
    save_model_file("best.safetensors");
  }
  save_model_file("last.safetensors");
  Json row{{"event", "epoch"},    {"epoch", epoch},
           {"step", state_.step}, {"train_loss", report.train_loss},
           {"lr", report.lr},     {"seconds", report.seconds}};
  if (report.top1) {
    row["eval_loss"] = *report.loss;
    row["eval_top1"] = *report.top1;
    row["eval_top5"] = *report.top5;
  }
  output_->log.write(row);
  save_checkpoint();
  if (callbacks_.epoch) callbacks_.epoch(report);
  return true;
}

std::optional<model::Metrics> Trainer::evaluate_epoch() {
  EvaluateOptions how;
  how.preprocessing = config_.preprocessing;
  how.batch_size = options_.batch_size;
  how.workers = options_.workers;
  how.device = device_;
  how.done = callbacks_.evaluation;
  how.stop = [this] {
    if (callbacks_.stop) stop_ = callbacks_.stop();
    return stop_ != 0;
  };
  if (ema_) ema_->swap();
  auto metrics = evaluate(model_, val_data_, how);
  if (ema_) ema_->swap();
  return metrics;
}

void Trainer::save_model_file(const char* name) {
  if (ema_) ema_->swap();
  model::save_model(std::filesystem::path(options_.output) / name, *model_, config_);
  if (ema_) ema_->swap();
}

data::Loader Trainer::make_loader() const {
  data::LoaderOptions loading;
  loading.batch_size = options_.batch_size;
  loading.channels = config_.model.in_c();
  loading.size = config_.model.img_size();
  loading.workers = options_.workers;
  loading.seed = options_.seed;
  loading.epoch = static_cast<std::uint64_t>(state_.epoch);
  loading.start_batch = state_.step_in_epoch * options_.accum;
  loading.drop_last = true;
  return data::Loader(
      train_data_, transform_,
      data::shuffled(train_data_->size(), options_.seed, static_cast<std::uint64_t>(state_.epoch)),
      loading);
}

}  // namespace vit::train
