#include "lamb.h"

#include <ATen/Functions.h>

#include <cmath>

namespace vit::train {
namespace {

constexpr double kMaxGradNorm = 1.0;  // timm's default, which its train.py leaves alone

/// |w| / |u|; 1 where one of them is zero.
at::Tensor trust_ratio(const at::Tensor& weights, const at::Tensor& update) {
  const auto w = weights.norm(2.0);
  const auto u = update.norm(2.0);
  return at::where((w > 0).logical_and(u > 0), w / u, at::ones_like(w));
}

}  // namespace

Lamb::Lamb(std::vector<ParamGroup> groups, const OptimizerSettings& settings)
    : Optimizer(std::move(groups)),
      settings_(settings),
      exp_avg_("exp_avg", groups_),
      exp_avg_sq_("exp_avg_sq", groups_),
      steps_(at::zeros({}, at::kFloat)) {}

NamedTensors Lamb::state() const {
  NamedTensors entries;
  exp_avg_.list(groups_, entries);
  exp_avg_sq_.list(groups_, entries);
  entries.emplace_back("step", steps_);
  return entries;
}

void Lamb::begin_step() {
  steps_.add_(1);
  const auto all = gradients();
  if (all.empty()) return;
  const auto norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(all)));
  clip_ = (norm / kMaxGradNorm).clamp_min_(1.0);
}

void Lamb::step_group(std::size_t g, const std::vector<std::size_t>& indices, double lr) {
  const auto& group = groups_[g];
  const auto parameters = pick(group.parameters, indices);
  const auto averages = exp_avg_.of(g, indices);
  const auto squares = exp_avg_sq_.of(g, indices);
  const double step = steps_.item<float>();
  const double correction1 = 1.0 - std::pow(settings_.beta1, step);
  const double correction2 = 1.0 - std::pow(settings_.beta2, step);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto gradient = parameters[i].grad() / clip_;
    averages[i].lerp_(gradient, 1.0 - settings_.beta1);
    squares[i].mul_(settings_.beta2).addcmul_(gradient, gradient, 1.0 - settings_.beta2);
    const auto denominator = (squares[i].sqrt() / std::sqrt(correction2)).add_(settings_.eps);
    auto update = (averages[i] / correction1).div_(denominator);
    if (group.weight_decay != 0) {
      update.add_(parameters[i], group.weight_decay);
      update.mul_(trust_ratio(parameters[i], update));
    }
    parameters[i].add_(update, -lr);
  }
}

}  // namespace vit::train
