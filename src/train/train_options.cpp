#include "vit/train/train_options.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "vit/core/contains.h"
#include "vit/core/text.h"
#include "vit/train/optimizer.h"
#include "vit/train/schedule.h"

namespace vit::train {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  return text;
}

constexpr double kMany = 1e9;

void check_name(const char* field, const std::string& name, const std::vector<std::string>& known) {
  if (!contains(known, name))
    throw UsageError("{}: expected {}, found '{}'", field, joined(known), name);
}

void check_range(const char* field, double value, double low, double high) {
  if (!std::isfinite(value) || value < low || value > high)
    throw UsageError("{}: expected a number from {} to {}, found {}", field, low, high, value);
}

void check_range(const char* field, const std::optional<double>& value, double low, double high) {
  if (value) check_range(field, *value, low, high);
}

void check_range(const char* field, std::int64_t value, double low, double high) {
  check_range(field, static_cast<double>(value), low, high);
}

/// Past `low`, for what divides or would make nothing of the rest at `low` itself.
void check_above(const char* field, const std::optional<double>& value, double low, double high) {
  if (value && !(std::isfinite(*value) && *value > low && *value <= high))
    throw UsageError("{}: expected a number above {}, at most {}, found {}", field, low, high,
                     *value);
}

/// Below 1: an average with a decay of 1 never moves, AdamW divides by 1 - beta ^ step.
void check_decay(const char* field, const std::optional<double>& value) {
  if (value && !(*value >= 0 && *value < 1))
    throw UsageError("{}: expected a number from 0 to below 1, found {}", field, *value);
}

void check_interval(const char* field, const std::vector<double>& range) {
  if (range.empty()) return;
  if (range.size() != 2 || !(range[0] > 0) || !(range[1] >= range[0]) || !(range[1] <= 1000))
    throw UsageError("{}: expected two numbers 0 < low <= high <= 1000, found {}", field, range);
}

void check_optimiser(const TrainOptions& o) {
  check_name("opt", o.opt, optimizer_names());
  check_range("lr", o.lr, 0, 1e6);
  check_range("lr_base", o.lr_base, 0, 1e6);
  check_range("lr_base_size", o.lr_base_size, 0, kMany);
  check_range("weight_decay", o.weight_decay, 0, 1e6);
  check_above("opt_eps", o.opt_eps, 0, 1);
  if (!o.opt_betas.empty() && o.opt_betas.size() != 2)
    throw UsageError("opt_betas: expected two numbers, found {}", o.opt_betas);
  for (const double beta : o.opt_betas) check_decay("opt_betas", beta);
  check_decay("momentum", o.momentum);
  check_above("layer_decay", o.layer_decay, 0, 1);
  check_above("clip_grad", o.clip_grad, 0, 1e9);
}

void check_schedule(const TrainOptions& o) {
  check_name("sched", o.sched, schedule_names());
  check_range("warmup_epochs", o.warmup_epochs, 0, kMany);
  check_range("warmup_steps", o.warmup_steps, 0, kMany);
  check_range("warmup_lr", o.warmup_lr, 0, 1e6);
  check_range("min_lr", o.min_lr, 0, 1e6);
  check_above("decay_epochs", o.decay_epochs, 0, kMany);
  check_above("decay_rate", o.decay_rate, 0, 1);
}

void check_images(const TrainOptions& o) {
  const auto& augment = o.augment;
  check_name("crop_mode", augment.crop_mode, {"rrc", "rkrc", "rkrr", "src", "shift", "none"});
  check_interval("scale", augment.scale);
  check_interval("ratio", augment.ratio);
  check_range("padding", augment.padding, 0, 1000);
  check_name("train_interpolation", augment.interpolation,
             {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos", "random"});
  check_range("hflip", augment.hflip, 0, 1);
  check_range("vflip", augment.vflip, 0, 1);
  check_range("color_jitter_prob", augment.color_jitter_prob, 0, 1);
  check_range("grayscale_prob", augment.grayscale_prob, 0, 1);
  check_range("gaussian_blur_prob", augment.gaussian_blur_prob, 0, 1);
  check_range("reprob", augment.re_prob, 0, 1);
  check_name("remode", augment.re_mode, {"const", "rand", "pixel"});
  check_range("recount", augment.re_count, 1, 100);
  for (const double value : o.mean) check_range("mean", value, -1e6, 1e6);
  for (const double value : o.std) check_above("std", value, 0, 1e6);
  check_range("crop_pct", o.crop_pct, 0.01, 10);
  if (o.img_size)
    for (const auto side : *o.img_size) check_range("img_size", side, 1, 65536);
}

void check_mixing(const TrainOptions& o) {
  check_range("repeated_aug", o.repeated_aug, 0, 1000);
  if (o.repeated_aug != 0 && o.repeated_aug < 1)
    throw UsageError("repeated_aug: expected 0 or a number from 1, found {}", o.repeated_aug);
  check_range("bce_target_thresh", o.bce_target_thresh, 0, 1);
  check_range("mixup_off_epoch", o.mixup_off_epoch, 0, kMany);
  check_range("mixup", o.mix.mixup, 0, 1e6);
  check_range("cutmix", o.mix.cutmix, 0, 1e6);
  if (!o.mix.enabled()) return;
  const data::Mixer mixer(o.mix);  // built for its checks alone
  if (o.batch_size % 2 != 0)
    throw UsageError("batch_size: expected an even number, for images are mixed in pairs, found {}",
                     o.batch_size);
}

}  // namespace

void check_options(const TrainOptions& o) {
  if (o.data.empty()) throw UsageError("data: expected a dataset's folder, found none");
  check_range("holdout", o.holdout, 0, kMany);
  check_range("freeze_blocks", o.freeze_blocks, 0, kMany);
  check_range("epochs", o.epochs, 1, kMany);
  check_range("batch_size", o.batch_size, 1, kMany);
  check_range("accum", o.accum, 1, kMany);
  check_optimiser(o);
  check_schedule(o);
  check_name("amp", o.amp, {"bf16", "off"});
  check_range("smoothing", o.smoothing, 0, 1);
  check_range("drop", o.drop, 0, 0.99);
  check_range("drop_path", o.drop_path, 0, 0.99);
  check_decay("ema", o.ema);
  check_images(o);
  check_mixing(o);
  if (o.device != "auto" && o.device != "cpu" && !o.device.starts_with("cuda"))
    throw UsageError("device: expected auto, cpu or cuda, found '{}'", o.device);
  check_range("threads", o.threads, 1, 4096);
  check_range("workers", o.workers, 0, 1024);
  check_range("val_every", o.val_every, 1, kMany);
  check_range("checkpoint_every", o.checkpoint_every, 0, kMany);
  check_range("keep", o.keep, 2, kMany);
  check_range("max_steps", o.max_steps, 0, kMany);
  check_range("log_every", o.log_every, 1, kMany);
}

double peak_lr(const TrainOptions& o) {
  if (o.lr) return *o.lr;
  if (o.lr_base_size == 0) return o.lr_base;
  return o.lr_base * static_cast<double>(o.batch_size * o.accum) /
         static_cast<double>(o.lr_base_size);
}

bool may_change_on_resume(const std::string& field) {
  static const std::set<std::string> kFields{
      "data", "output",    "threads",          "device",    "workers",
      "keep", "max_steps", "checkpoint_every", "log_every", "tensorboard"};
  return kFields.contains(field);
}

namespace {

/// `change` of every string of the options.
template <class Change>
TrainOptions with_strings(TrainOptions options, Change change) {
  visit(options, [&](const char*, auto& field) {
    using Field = std::remove_cvref_t<decltype(field)>;
    if constexpr (std::same_as<Field, std::string>)
      field = change(field);
    else if constexpr (std::same_as<Field, std::vector<std::string>>)
      std::transform(field.begin(), field.end(), field.begin(), change);
  });
  return options;
}

}  // namespace

Json options_to_json(const TrainOptions& options) {
  return fields_to_json(
      with_strings(options, [](const std::string& text) { return printable(text); }));
}

TrainOptions options_from_json(const Json& json, const std::string& where) {
  TrainOptions options;
  fields_from_json(options, json, where);
  return with_strings(std::move(options),
                      [](const std::string& text) { return from_printable(text); });
}

}  // namespace vit::train
