#include "lion.h"

#include <ATen/Functions.h>

namespace vit::train {

Lion::Lion(std::vector<ParamGroup> groups, const OptimizerSettings& settings)
    : Optimizer(std::move(groups)),
      beta1_(settings.beta1),
      beta2_(settings.beta2),
      exp_avg_("exp_avg", groups_) {}

NamedTensors Lion::state() const {
  NamedTensors entries;
  exp_avg_.list(groups_, entries);
  return entries;
}

void Lion::step_group(std::size_t g, const std::vector<std::size_t>& indices, double lr) {
  const auto& group = groups_[g];
  const auto parameters = pick(group.parameters, indices);
  const auto gradients = gradients_of(parameters);
  const auto averages = exp_avg_.of(g, indices);
  at::_foreach_mul_(parameters, 1.0 - lr * group.weight_decay);
  const auto updates = at::_foreach_lerp(averages, gradients, /*weight=*/1.0 - beta1_);
  at::_foreach_sign_(updates);
  at::_foreach_add_(parameters, updates, /*alpha=*/-lr);
  at::_foreach_lerp_(averages, gradients, /*weight=*/1.0 - beta2_);
}

}  // namespace vit::train
