#include "vit/train/schedule.h"

#include <cmath>
#include <map>
#include <numbers>

#include "vit/core/error.h"
#include "vit/train/train_options.h"

namespace vit::train {
namespace {

/// Share of the run that is done, in [0, 1].
double progress(const Schedule& o, std::int64_t step) {
  return std::min(1.0, static_cast<double>(step) / static_cast<double>(o.total_steps));
}

double constant(const Schedule& o, std::int64_t) { return o.lr; }

double cosine(const Schedule& o, std::int64_t step) {
  return o.min_lr +
         0.5 * (o.lr - o.min_lr) * (1.0 + std::cos(std::numbers::pi * progress(o, step)));
}

double linear(const Schedule& o, std::int64_t step) {
  return o.min_lr + (o.lr - o.min_lr) * (1.0 - progress(o, step));
}

double stairs(const Schedule& o, std::int64_t step) {
  const auto stair = step / o.decay_steps;
  return o.lr * std::pow(o.decay_rate, static_cast<double>(stair));
}

using Curve = double (*)(const Schedule&, std::int64_t);

const std::map<std::string, Curve>& curves() {
  static const std::map<std::string, Curve> table{
      {"constant", constant}, {"cosine", cosine}, {"linear", linear}, {"step", stairs}};
  return table;
}

}  // namespace

std::vector<std::string> schedule_names() {
  std::vector<std::string> names;
  for (const auto& [name, curve] : curves()) names.push_back(name);
  return names;
}

double learning_rate(const Schedule& o, std::int64_t step) {
  const auto curve = curves().find(o.name);
  if (curve == curves().end()) throw UsageError("sched: no schedule '{}'", o.name);
  if (step < o.warmup_steps)
    return o.warmup_lr +
           static_cast<double>(step) * ((o.lr - o.warmup_lr) / static_cast<double>(o.warmup_steps));
  return curve->second(o, step);
}

}  // namespace vit::train
