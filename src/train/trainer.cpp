#include "vit/train/trainer.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "class_weights.h"
#include "matmul_guard.h"
#include "mode_guard.h"
#include "trainer_impl.h"
#include "vit/core/file.h"
#include "vit/core/text.h"
#include "vit/data/sampler.h"
#include "vit/nn/block_kernels.h"
#include "vit/nn/random_layer.h"
#include "vit/runtime/autocast.h"
#include "vit/runtime/device.h"
#include "vit/runtime/generator.h"
#include "vit/torch.h"

namespace vit::train {
namespace {

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError("{}: cannot be made: {}", folder.string(), error.message());
}

/// Null where products stay what they are.
std::optional<at::ScalarType> autocast_type(const std::string& amp) {
  if (amp == "off") return std::nullopt;
  return amp == "fp16" ? at::kHalf : at::kBFloat16;
}

OptimizerSettings settings_of(const OptimizerOptions& options) {
  auto settings = default_settings(options.opt());
  if (options.opt_eps()) settings.eps = *options.opt_eps();
  if (!options.opt_betas().empty()) {
    settings.beta1 = options.opt_betas()[0];
    settings.beta2 = options.opt_betas()[1];
  }
  settings.momentum = options.momentum();
  return settings;
}

std::shared_ptr<nn::BlockKernels> block_kernels(const TrainOptions& options) {
  if (options.kernels() != "own") return nullptr;
  const bool high = options.matmul_precision() == "high";
  return std::make_shared<nn::BlockKernels>(
      detect_isa(), high ? nn::MatmulPrecision::kHigh : nn::MatmulPrecision::kHighest);
}

}  // namespace

Trainer::Trainer(TrainOptions options, TrainSetup setup, Log& log, TrainCallbacks callbacks) {
  auto steps = plan_steps(options, setup);
  impl_ = std::make_unique<Impl>(std::move(steps), std::move(options), std::move(setup), log,
                                 std::move(callbacks));
}

Trainer::~Trainer() = default;

TrainResult Trainer::fit() { return impl_->fit(); }

void Trainer::resume(const std::filesystem::path& checkpoint, const ResumeOptions& how) {
  impl_->resume(checkpoint, how);
}

const TrainState& Trainer::state() const { return impl_->state(); }

std::int64_t Trainer::total_steps() const { return impl_->schedule().total_steps; }

Trainer::Impl::Impl(RunSteps steps, TrainOptions options, TrainSetup setup, Log& log,
                    TrainCallbacks callbacks)
    : options_(std::move(options)),
      log_(log),
      callbacks_(std::move(callbacks)),
      config_(std::move(setup.config)),
      model_(setup.model),
      lora_(std::move(setup.lora)),
      teacher_(std::move(setup.teacher)),
      train_data_(std::move(setup.train_data)),
      val_data_(std::move(setup.val_data)),
      transform_(options_.augment(), config_.preprocessing, config_.model.img_size(),
                 config_.model.in_c()),
      bad_images_(train_data_, transform_, options_.run().seed()),
      device_(runtime::open_device(options_.run().device())),
      upload_(device_),
      objective_(options_, config_.model.num_classes(),
                 class_weights(options_.loss().class_weights(), *train_data_), device_),
      dtype_(model_->parameters().front().scalar_type()),
      generator_(runtime::make_generator(options_.run().seed() + 1, device_)),
      record_(record_dataset(*train_data_, *val_data_)),
      schedule_(std::move(steps.schedule)),
      steps_per_epoch_(steps.per_epoch),
      epochs_(steps.epochs),
      loss_scale_(options_.amp() == "fp16", state_.loss_scale, state_.good_steps) {
  nn::set_generator(*model_, generator_);
  nn::set_block_kernels(*model_, block_kernels(options_));
  const auto& optimizer = options_.optimizer();
  optimizer_ = make_optimizer(optimizer.opt(),
                              make_param_groups(trained(), optimizer.weight_decay(),
                                                optimizer.layer_decay(), config_.model.depth()),
                              settings_of(optimizer));
  if (teacher_) record_.teacher = teacher_->digest();
  const auto& regular = options_.regularization();
  if (regular.ema() && lora_)
    ema_ = std::make_unique<Ema>(trained(), *regular.ema(), regular.ema_warmup());
  else if (regular.ema())
    ema_ = std::make_unique<Ema>(*model_, *regular.ema(), regular.ema_warmup());
}

/// The parameters that a step changes.
NamedTensors Trainer::Impl::trained() const {
  auto tensors = trained_parameters(*model_);
  if (lora_)
    for (auto& one : lora_->state()) tensors.push_back(std::move(one));
  return tensors;
}

/// The walk of one batch.
TrainResult Trainer::Impl::fit() {
  open_log();
  const ModeGuard mode(*model_, /*training=*/true);
  const MatmulGuard precision(options_.matmul_precision());
  while (state_.epoch < epochs_ && !at_max_steps()) {
    auto batches = make_batches();  // sampler → loader threads: decode, augment → batch → mix
    last_step_ = Clock::now();
    epoch_seconds_ = epoch_waited_ = 0;
    while (!at_epochs_end() && !at_max_steps()) {
      const double loss = backward(*batches);  // model → loss → backward
      const double lr = learning_rate(schedule_, schedule_step());
      if (unscale_gradients()) {
        clip_gradients();  // finite?
        optimizer_->step(lr);
      }
      if (ema_) ema_->update(state_.step);
      record_step(loss, lr);
      if (told_to_stop()) {
        save_checkpoint();
        save_model_file("last.safetensors");
        return end();
      }
      if (is_checkpoint_due()) save_checkpoint();
    }
    if (!finish_epoch()) break;
  }
  return end();
}

void Trainer::Impl::open_log() {
  const auto& run = options_.run();
  if (run.output().empty()) throw UsageError("output: expected a run folder, found none");
  const std::filesystem::path folder = run.output();
  make_folder(folder);
  write_file(folder / "args.json", options_to_json(options_).dump(2) + "\n");
  const RunLog::Options log{run.tensorboard(), val_data_->is_multi_label()};
  if (state_.step == 0)
    rows_.emplace(folder, log);
  else
    rows_.emplace(folder, log, state_.epoch, state_.step);
  report_.emplace(options_, config_, train_data_, val_data_, transform_);
}

TrainResult Trainer::Impl::end() {
  report_->write(/*running=*/false);
  report_.reset();
  rows_.reset();
  return {state_.epoch >= epochs_, stop_, state_};
}

bool Trainer::Impl::at_max_steps() const {
  const auto most = options_.run().max_steps();
  return most > 0 && state_.step >= most;
}

bool Trainer::Impl::is_evaluated(std::int64_t epoch) const {
  return epoch % options_.run().val_every() == 0 || epoch == epochs_;
}

/// The last may be shorter.
std::int64_t Trainer::Impl::steps_of_epoch(std::int64_t epoch) const {
  return std::min(steps_per_epoch_, schedule_.total_steps - epoch * steps_per_epoch_);
}

/// Within an epoch: at its end there is one anyway.
bool Trainer::Impl::is_checkpoint_due() const {
  const auto every = options_.run().checkpoint_every();
  return every > 0 && state_.step % every == 0 && !at_epochs_end() && !at_max_steps();
}

/// Where the schedule stands: `state_.step`, unless the dataset has changed its size.
std::int64_t Trainer::Impl::schedule_step() const {
  return state_.epoch * steps_per_epoch_ + state_.step_in_epoch;
}

/// Gradients of the mean loss of the next `accum` batches; returns that loss.
double Trainer::Impl::backward(PreparedBatches& batches) {
  optimizer_->zero_grad();
  step_images_.clear();
  std::vector<at::Tensor> losses;
  for (std::int64_t part = 0; part < options_.accum(); ++part) {
    const auto batch = batches.next();
    waited_ += batch.waited;
    note_bad_images(batch);
    if (batch.error) std::rethrow_exception(batch.error);
    step_images_.insert(step_images_.end(), batch.indices.begin(), batch.indices.end());
    losses.push_back(forward_backward(batch));
  }
  // Read when the device has all its work: reading waits for it.
  double mean = 0;
  for (std::size_t part = 0; part < losses.size(); ++part) {
    const auto loss = losses[part].item<double>();
    const auto size = step_images_.size() / losses.size();
    check_finite(loss, "loss", std::span(step_images_).subspan(part * size, size));
    mean += loss / static_cast<double>(losses.size());
  }
  return mean;
}

void Trainer::Impl::note_bad_images(const PreparedBatch& batch) {
  // Of a whole epoch, also where the last is cut short.
  const auto images = steps_per_epoch_ * options_.accum() * options_.batch_size();
  for (const auto& [index, what] : batch.bad) {
    ++state_.bad_images;
    rows_->write({{"event", "bad_image"},
                  {"epoch", state_.epoch + 1},
                  {"step", state_.step + 1},
                  {"file", printable(train_data_->name(index))},
                  {"error", what}});
    if (state_.bad_images * 100 > images)
      throw DataError("epoch {}: {} of {} images are bad, more than 1 %, the last: {}",
                      state_.epoch + 1, state_.bad_images, images, what);
    if (warnings_left_ > 0)
      log_.warning("{}; another image takes its place{}", what,
                   --warnings_left_ > 0 ? "" : " (log.jsonl names those that follow)");
  }
}

at::Tensor Trainer::Impl::forward_backward(const PreparedBatch& batch) {
  model::VisionTransformerOutput output;
  at::Tensor teacher;  // [B, num_classes]
  {
    const runtime::Autocast autocast(autocast_type(options_.amp()), device_.type());
    output = model_->forward(batch.images);
    if (teacher_) teacher = teacher_->logits(batch.images);
  }
  const auto loss = objective_.loss(model_, output, batch.targets, teacher);
  (loss * (loss_scale_.factor() / static_cast<double>(options_.accum()))).backward();
  return loss.detach();
}

/// False: the step is to be left out, for in float16 a gradient was too large for its scale.
bool Trainer::Impl::unscale_gradients() {
  const bool finite = loss_scale_.unscale(optimizer_->gradients());
  if (finite) return true;
  log_.debug("step {}: left out, the next scale of the loss is {}", state_.step + 1,
             loss_scale_.factor());
  if (loss_scale_.exhausted()) check_finite(NAN, "gradient", step_images_);
  return false;
}

void Trainer::Impl::clip_gradients() {
  if (const auto& most = options_.optimizer().clip_grad())
    check_finite(clip_grad_norm(optimizer_->gradients(), *most), "gradients' norm", step_images_);
}

/// `images`: what it was computed from.
void Trainer::Impl::check_finite(double value, const char* what,
                                 std::span<const std::int64_t> images) {
  if (std::isfinite(value)) return;
  constexpr std::size_t kNamed = 4;
  Json files = Json::array();
  std::string first;
  for (std::size_t i = 0; i < images.size(); ++i) {
    files.push_back(printable(train_data_->name(images[i])));
    if (i < kNamed) first += (i == 0 ? "" : ", ") + files.back().get<std::string>();
  }
  rows_->write({{"event", "not_finite"},
                {"epoch", state_.epoch + 1},
                {"step", state_.step + 1},
                {"what", what},
                {"files", files}});
  throw NotFiniteError("epoch {}, step {}: the {} is {}; the batch: {}{} (log.jsonl has all {})",
                       state_.epoch + 1, state_.step + 1, what, value, first,
                       files.size() > kNamed ? ", …" : "", files.size());
}

void Trainer::Impl::record_step(double loss, double lr) {
  const auto images = options_.batch_size() * options_.accum();
  const double seconds = seconds_since(last_step_);
  last_step_ = Clock::now();
  state_.seconds += seconds;
  const double waited = std::exchange(waited_, 0);
  const bool first = step_seconds_ == 0;
  step_seconds_ = first ? seconds : 0.95 * step_seconds_ + 0.05 * seconds;
  step_waited_ = first ? waited : 0.95 * step_waited_ + 0.05 * waited;
  epoch_seconds_ += seconds;
  epoch_waited_ += waited;
  ++state_.step;
  ++state_.step_in_epoch;
  state_.loss_sum += loss * static_cast<double>(images);
  state_.loss_images += images;

  const auto steps_left = schedule_.total_steps - schedule_step();
  StepReport report{state_.epoch + 1,
                    epochs_,
                    state_.step_in_epoch,
                    steps_of_epoch(),
                    state_.step,
                    state_.step + steps_left,
                    loss,
                    state_.loss_sum / static_cast<double>(state_.loss_images),
                    lr,
                    static_cast<double>(images) / step_seconds_,
                    step_waited_ / step_seconds_,
                    step_seconds_ * static_cast<double>(steps_left)};
  if (state_.step % options_.run().log_every() == 0) {
    Json row{{"event", "step"},
             {"epoch", report.epoch},
             {"step", report.step},
             {"loss", loss},
             {"lr", lr},
             {"images_per_second", report.images_per_second},
             {"waiting", report.waiting}};
    if (loss_scale_.enabled()) row["loss_scale"] = loss_scale_.factor();
    rows_->write(row);
  }
  if (callbacks_.step) callbacks_.step(report);
}

bool Trainer::Impl::told_to_stop() {
  if (callbacks_.stop) stop_ = callbacks_.stop();
  return stop_ != 0;
}

/// Shards are read one after the other and shuffled in a buffer, of the size that timm has
/// (`timm/data/readers/reader_wds.py`); anything else in any order.
std::vector<std::int64_t> Trainer::Impl::epoch_order() const {
  constexpr std::int64_t kShuffleBuffer = 8192;
  const auto seed = options_.run().seed();
  const auto epoch = static_cast<std::uint64_t>(state_.epoch);
  if (options_.sampler() == "balanced") {
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < train_data_->size(); ++i) labels.push_back(train_data_->label(i));
    return data::balanced(labels, std::ssize(train_data_->classes()), seed, epoch);
  }
  const auto shards = train_data_->shard_sizes();
  return shards.empty() ? data::shuffled(train_data_->size(), seed, epoch)
                        : data::shuffled_in_buffer(shards, kShuffleBuffer, seed, epoch);
}

std::unique_ptr<PreparedBatches> Trainer::Impl::make_batches() const {
  const auto epoch = state_.epoch;
  const auto& run = options_.run();
  data::EpochOptions pass;
  pass.seed = run.seed();
  pass.epoch = static_cast<std::uint64_t>(epoch);
  pass.begin = state_.step_in_epoch * options_.accum() * options_.batch_size();
  auto order = epoch_order();
  if (options_.repeated_aug() > 0)
    order = data::repeated(order, {.repeats = options_.repeated_aug()});
  // Each time an image is shown it is cropped anew.
  if (options_.repeated_aug() > 0 || options_.sampler() == "balanced")
    for (std::size_t i = 0; i < order.size(); ++i) pass.streams.push_back(i);
  // A last batch that is not full is left out.
  const auto used = steps_of_epoch() * options_.accum() * options_.batch_size();
  order.resize(std::min(order.size(), static_cast<std::size_t>(used)));
  pass.streams.resize(std::min(pass.streams.size(), order.size()));
  data::LoaderOptions loading;
  loading.shape = {config_.model.in_c(), config_.model.img_size()[0], config_.model.img_size()[1]};
  loading.batch_size = options_.batch_size();
  loading.workers = loader_workers(run, device_.is_cpu());
  const auto prepare = [this, epoch](data::Batch batch, std::int64_t number,
                                     PreparedBatch& prepared) {
    bad_images_.replace(batch, static_cast<std::uint64_t>(epoch), number * options_.batch_size(),
                        [&](std::int64_t index, const std::string& what) {
                          prepared.bad.emplace_back(index, what);
                        });
    for (const auto& sample : batch.samples) prepared.indices.push_back(sample.index);
    prepared.targets = upload_(objective_.prepare(batch, epoch, number));
    prepared.images = upload_(to_tensor(std::move(batch.images)), dtype_);
  };
  return std::make_unique<PreparedBatches>(
      data::epoch_samples(train_data_, transform_, std::move(order), std::move(pass)), loading,
      upload_.overlaps(), state_.step_in_epoch * options_.accum(), prepare);
}

}  // namespace vit::train
