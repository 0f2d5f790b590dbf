#include "vit/train/trainer.h"

#include <ATen/Functions.h>

#include <cmath>

#include "autocast.h"
#include "class_weights.h"
#include "dataset_record.h"
#include "mode_guard.h"
#include "trainer_output.h"
#include "vit/core/file.h"
#include "vit/core/text.h"
#include "vit/data/sampler.h"
#include "vit/nn/random_layer.h"
#include "vit/runtime/device.h"
#include "vit/runtime/generator.h"
#include "vit/torch.h"

namespace vit::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError("{}: cannot be made: {}", folder.string(), error.message());
}

OptimizerOptions optimizer_options(const TrainOptions& options) {
  auto chosen = default_options(options.opt);
  if (options.opt_eps) chosen.eps = *options.opt_eps;
  if (!options.opt_betas.empty()) {
    chosen.beta1 = options.opt_betas[0];
    chosen.beta2 = options.opt_betas[1];
  }
  chosen.momentum = options.momentum;
  return chosen;
}

/// Shards are read one after the other and shuffled in a buffer, of the size that timm has
/// (`timm/data/readers/reader_wds.py`); anything else in any order.
std::vector<std::int64_t> epoch_order(const data::Dataset& data, std::uint64_t seed,
                                      std::uint64_t epoch) {
  constexpr std::int64_t kShuffleBuffer = 8192;
  const auto shards = data.shard_sizes();
  return shards.empty() ? data::shuffled(data.size(), seed, epoch)
                        : data::shuffled_in_buffer(shards, kShuffleBuffer, seed, epoch);
}

}  // namespace

Trainer::Trainer(TrainOptions options, TrainSetup setup, Log& log, TrainCallbacks callbacks)
    : Trainer{plan_steps(options, setup), std::move(options), std::move(setup), log,
              std::move(callbacks)} {}  // braces: in this order

Trainer::Trainer(RunSteps steps, TrainOptions options, TrainSetup setup, Log& log,
                 TrainCallbacks callbacks)
    : options_(std::move(options)),
      log_(log),
      callbacks_(std::move(callbacks)),
      config_(std::move(setup.config)),
      model_(setup.model),
      train_data_(std::move(setup.train_data)),
      val_data_(std::move(setup.val_data)),
      transform_(options_.augment, config_.preprocessing, config_.model.img_size(),
                 config_.model.in_c()),
      objective_(options_, config_.model.num_classes(),
                 class_weights(options_.class_weights, *train_data_)),
      device_(runtime::open_device(options_.device)),
      generator_(runtime::make_generator(options_.seed + 1, device_)),
      record_(std::make_unique<DatasetRecord>(record_dataset(*train_data_, *val_data_))),
      schedule_(std::move(steps.schedule)),
      steps_per_epoch_(steps.per_epoch) {
  nn::set_generator(*model_, generator_);
  optimizer_ = make_optimizer(options_.opt,
                              make_param_groups(*model_, options_.weight_decay,
                                                options_.layer_decay, config_.model.depth()),
                              optimizer_options(options_));
  if (options_.ema) ema_ = std::make_unique<Ema>(*model_, *options_.ema, options_.ema_warmup);
}

Trainer::~Trainer() = default;

TrainResult Trainer::fit() {
  if (options_.output.empty()) throw UsageError("output: expected a run folder, found none");
  const std::filesystem::path folder = options_.output;
  make_folder(folder);
  write_file(folder / "args.json", options_to_json(options_).dump(2) + "\n");
  output_ = std::make_shared<Output>(
      state_.step == 0 ? Output{RunLog(folder, options_.tensorboard)}
                       : Output{RunLog(folder, options_.tensorboard, state_.epoch, state_.step)});
  const ModeGuard mode(*model_, /*training=*/true);
  while (state_.epoch < options_.epochs && !at_max_steps()) {
    if (!train_epoch()) break;
    const bool whole = state_.step_in_epoch == steps_per_epoch_;
    if (whole && (!at_max_steps() || is_evaluated(state_.epoch + 1))) {
      if (!finish_epoch()) break;
    } else {
      finish_early();
    }
  }
  output_.reset();
  return {state_.epoch >= options_.epochs, stop_, state_};
}

bool Trainer::at_max_steps() const {
  return options_.max_steps > 0 && state_.step >= options_.max_steps;
}

bool Trainer::is_evaluated(std::int64_t epoch) const {
  return epoch % options_.val_every == 0 || epoch == options_.epochs;
}

/// Where the schedule stands: `state_.step`, unless the dataset has changed its size.
std::int64_t Trainer::schedule_step() const {
  return state_.epoch * steps_per_epoch_ + state_.step_in_epoch;
}

/// To the epoch's end or to max_steps; false: told to stop, and everything is saved.
bool Trainer::train_epoch() {
  auto loader = make_loader();
  last_step_ = Clock::now();
  while (state_.step_in_epoch < steps_per_epoch_ && !at_max_steps()) {
    train_step(loader);
    if (told_to_stop()) {
      save_checkpoint();
      save_model_file("last.safetensors");
      return false;
    }
    const bool due = options_.checkpoint_every > 0 && state_.step % options_.checkpoint_every == 0;
    if (due && state_.step_in_epoch < steps_per_epoch_ && !at_max_steps()) save_checkpoint();
  }
  return true;
}

void Trainer::train_step(data::Loader& loader) {
  const double lr = learning_rate(schedule_, schedule_step());
  optimizer_->zero_grad();
  double loss = 0;
  data::Batch last;
  for (std::int64_t part = 0; part < options_.accum; ++part) {
    last = *loader.next();
    data::check_samples(last);
    loss += forward_backward(last, state_.step_in_epoch * options_.accum + part) /
            static_cast<double>(options_.accum);
  }
  if (options_.clip_grad)
    check_finite(clip_grad_norm(optimizer_->gradients(), *options_.clip_grad), "gradients' norm",
                 last);
  optimizer_->step(lr);
  if (ema_) ema_->update(state_.step);
  record_step(loss, lr, options_.batch_size * options_.accum);
}

/// `number`: of the batch in its epoch.
double Trainer::forward_backward(data::Batch& batch, std::int64_t number) {
  const auto targets = objective_.prepare(batch, state_.epoch, number).to(device_);
  const auto images = to_tensor(std::move(batch.images)).to(device_);
  at::Tensor logits;  // [B, num_classes]
  {
    const Autocast autocast(options_.amp == "bf16", device_.type());
    logits = training_logits(model_, model_->forward(images));
  }
  const auto loss = objective_.loss(logits, targets);
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
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    files.push_back(printable(train_data_->name(batch.samples[i].index)));
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

  const auto steps_left = schedule_.total_steps - schedule_step();
  StepReport report{state_.epoch + 1,
                    options_.epochs,
                    state_.step_in_epoch,
                    steps_per_epoch_,
                    state_.step,
                    state_.step + steps_left,
                    loss,
                    state_.loss_sum / static_cast<double>(state_.loss_images),
                    lr,
                    static_cast<double>(images) / step_seconds_,
                    step_seconds_ * static_cast<double>(steps_left)};
  if (state_.step % options_.log_every == 0)
    output_->log.write({{"event", "step"},
                        {"epoch", report.epoch},
                        {"step", report.step},
                        {"loss", loss},
                        {"lr", lr},
                        {"images_per_second", report.images_per_second}});
  if (callbacks_.step) callbacks_.step(report);
}

bool Trainer::told_to_stop() {
  if (callbacks_.stop) stop_ = callbacks_.stop();
  return stop_ != 0;
}

data::Loader Trainer::make_loader() const {
  const auto epoch = static_cast<std::uint64_t>(state_.epoch);
  data::EpochOptions pass;
  pass.seed = options_.seed;
  pass.epoch = epoch;
  pass.begin = state_.step_in_epoch * options_.accum * options_.batch_size;
  auto order = epoch_order(*train_data_, options_.seed, epoch);
  if (options_.repeated_aug > 0) {
    order = data::repeated(order, {.repeats = options_.repeated_aug});
    // Each time an image is shown it is cropped anew.
    for (std::size_t i = 0; i < order.size(); ++i) pass.streams.push_back(i);
  }
  // A last batch that is not full is left out.
  const auto used = steps_per_epoch_ * options_.accum * options_.batch_size;
  order.resize(std::min(order.size(), static_cast<std::size_t>(used)));
  pass.streams.resize(std::min(pass.streams.size(), order.size()));
  data::LoaderOptions loading;
  loading.shape = {config_.model.in_c(), config_.model.img_size()[0], config_.model.img_size()[1]};
  loading.batch_size = options_.batch_size;
  loading.workers = options_.workers;
  return data::Loader(
      data::epoch_samples(train_data_, transform_, std::move(order), std::move(pass)), loading);
}

}  // namespace vit::train
