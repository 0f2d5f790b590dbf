#include "vit/train/train_options.h"

#include <cmath>
#include <set>

#include "vit/core/contains.h"
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

void check_name(const char* flag, const std::string& name, const std::vector<std::string>& known) {
  if (!contains(known, name))
    throw UsageError("{}: expected {}, found '{}'", flag, joined(known), name);
}

void check_range(const char* flag, double value, double low, double high) {
  if (!std::isfinite(value) || value < low || value > high)
    throw UsageError("{}: expected a number from {} to {}, found {}", flag, low, high, value);
}

void check_range(const char* flag, const std::optional<double>& value, double low, double high) {
  if (value) check_range(flag, *value, low, high);
}

}  // namespace

void check_options(const TrainOptions& o) {
  constexpr double kMany = 1e9;
  if (o.data.empty()) throw UsageError("--data: expected a folder of pictures, found none");
  if (o.output.empty()) throw UsageError("--output: expected a run folder, found none");
  check_range("--epochs", static_cast<double>(o.epochs), 1, kMany);
  check_range("--batch-size", static_cast<double>(o.batch_size), 1, kMany);
  check_range("--accum", static_cast<double>(o.accum), 1, kMany);
  check_name("--opt", o.opt, optimizer_names());
  check_name("--sched", o.sched, schedule_names());
  check_name("--amp", o.amp, {"bf16", "off"});
  check_range("--lr", o.lr, 0, 1e6);
  check_range("--lr-base", o.lr_base, 0, 1e6);
  check_range("--lr-base-size", static_cast<double>(o.lr_base_size), 0, kMany);
  check_range("--weight-decay", o.weight_decay, 0, 1e6);
  check_range("--opt-eps", o.opt_eps, 0, 1);
  if (o.opt_betas.size() != 2)
    throw UsageError("--opt-betas: expected two numbers, found {}", o.opt_betas);
  for (const double beta : o.opt_betas) check_range("--opt-betas", beta, 0, 1);
  check_range("--layer-decay", o.layer_decay, 0, 1);
  check_range("--clip-grad", o.clip_grad, 0, 1e9);
  check_range("--warmup-epochs", o.warmup_epochs, 0, kMany);
  check_range("--warmup-steps", static_cast<double>(o.warmup_steps), 0, kMany);
  check_range("--warmup-lr", o.warmup_lr, 0, 1e6);
  check_range("--min-lr", o.min_lr, 0, 1e6);
  check_range("--decay-epochs", o.decay_epochs, 0, kMany);
  check_range("--decay-rate", o.decay_rate, 0, 1);
  check_range("--smoothing", o.smoothing, 0, 1);
  check_range("--drop", o.drop, 0, 0.99);
  check_range("--drop-path", o.drop_path, 0, 0.99);
  check_range("--ema", o.ema, 0, 1);
  check_range("--workers", static_cast<double>(o.workers), 0, 1024);
  check_range("--val-every", static_cast<double>(o.val_every), 1, kMany);
  check_range("--checkpoint-every", static_cast<double>(o.checkpoint_every), 0, kMany);
  check_range("--keep", static_cast<double>(o.keep), 2, kMany);
  check_range("--max-steps", static_cast<double>(o.max_steps), 0, kMany);
  check_range("--log-every", static_cast<double>(o.log_every), 1, kMany);
}

double peak_lr(const TrainOptions& o) {
  if (o.lr) return *o.lr;
  if (o.lr_base_size == 0) return o.lr_base;
  return o.lr_base * static_cast<double>(o.batch_size * o.accum) /
         static_cast<double>(o.lr_base_size);
}

bool may_change_on_resume(const std::string& field) {
  static const std::set<std::string> kFields{"data",      "output",           "threads",
                                             "device",    "workers",          "keep",
                                             "max_steps", "checkpoint_every", "log_every"};
  return kFields.contains(field);
}

}  // namespace vit::train
