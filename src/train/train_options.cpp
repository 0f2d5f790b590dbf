#include "vit/train/train_options.h"

#include <algorithm>
#include <set>

#include "vit/core/text.h"
#include "vit/core/threads.h"

namespace vit::train {
namespace {

/// What no field says by itself.
void check_together(const TrainOptions& o) {
  if (const auto& betas = o.optimizer().opt_betas(); !betas.empty() && betas.size() != 2)
    throw UsageError("opt_betas: expected two numbers, found {}", betas);
  data::check_options(o.augment());
  if (o.repeated_aug() != 0 && o.repeated_aug() < 1)
    throw UsageError("repeated_aug: expected 0 or a number from 1, found {}", o.repeated_aug());
  if (o.lora().lora_rank() > 0 && o.optimizer().freeze_blocks() > 0)
    throw UsageError(
        "freeze_blocks: expected 0 with `lora_rank`, which freezes all blocks, found {}",
        o.optimizer().freeze_blocks());
  if (o.lora().lora_rank() > 0 && o.lora().lora_targets().empty())
    throw UsageError("lora_targets: expected layers to update, found none");
  if (!o.labels_csv().empty()) {
    if (o.sampler() != "random")
      throw UsageError("sampler: expected random, for images have several classes, found {}",
                       o.sampler());
    if (o.distillation().distillation() != "none")
      throw UsageError("distillation: expected none with `labels_csv`, found {}",
                       o.distillation().distillation());
  }
  const auto& distillation = o.distillation();
  if ((distillation.distillation() == "none") != distillation.teacher().empty())
    throw UsageError("distillation: expected `teacher` and soft or hard, or neither, found {}{}",
                     distillation.distillation(),
                     distillation.teacher().empty() ? " without a teacher" : " with a teacher");
  if (distillation.task_loss_weight() > 1 && !distillation.distill_loss_weight())
    throw UsageError("task_loss_weight: expected at most 1 without `distill_loss_weight`, found {}",
                     *distillation.task_loss_weight());
  if (const auto& device = o.run().device();
      device != "auto" && device != "cpu" && !device.starts_with("cuda"))
    throw UsageError("device: expected auto, cpu or cuda, found '{}'", device);
  if (!o.mix().enabled()) return;
  const data::Mixer mixer(o.mix());  // built for its checks alone
  if (o.batch_size() % 2 != 0)
    throw UsageError("batch_size: expected an even number, for images are mixed in pairs, found {}",
                     o.batch_size());
}

}  // namespace

void check_options(const TrainOptions& options) {
  if (options.data().empty()) throw UsageError("data: expected a dataset's folder, found none");
  check_fields(options);
  check_together(options);
}

std::int64_t loader_workers(const RunOptions& options, bool on_cpu) {
  constexpr int kMost = 8;
  return options.workers().value_or(on_cpu ? 1 : std::min(available_cores(), kMost));
}

double peak_lr(const TrainOptions& o) {
  const auto& optimizer = o.optimizer();
  if (optimizer.lr()) return *optimizer.lr();
  if (optimizer.lr_base_size() == 0) return optimizer.lr_base();
  return optimizer.lr_base() * static_cast<double>(o.batch_size() * o.accum()) /
         static_cast<double>(optimizer.lr_base_size());
}

bool may_change_on_resume(const std::string& field) {
  static const auto fields = [] {
    std::set<std::string> names;
    TrainOptions options;
    visit(options, [&](const char* name, auto&, const Field& about) {
      if (about.resumable) names.insert(name);
    });
    return names;
  }();
  return fields.contains(field);
}

namespace {

/// `change` of every string of the options.
template <class Change>
TrainOptions with_strings(TrainOptions options, Change change) {
  visit(options, [&](const char*, auto& field, const Field&) {
    using Value = std::remove_cvref_t<decltype(field)>;
    if constexpr (std::same_as<Value, std::string>)
      field = change(field);
    else if constexpr (std::same_as<Value, std::vector<std::string>>)
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
