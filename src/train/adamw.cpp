#include "adamw.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "moments.h"

namespace vit::train {
namespace {

bool has_fused_kernel(const at::Tensor& tensor) { return tensor.is_cpu() || tensor.is_cuda(); }

}  // namespace

AdamW::AdamW(std::vector<ParamGroup> groups, const OptimizerSettings& settings,
             const Serves& serves)
    : Optimizer(std::move(groups)), settings_(settings), fused_(settings.fused) {
  for (const auto& group : groups_) {
    auto& state = states_.emplace_back();
    for (const auto& parameter : group.parameters) {
      if (serves && !serves(parameter)) {
        for (auto* tensors : {&state.exp_avg, &state.exp_avg_sq, &state.step})
          tensors->emplace_back();
        continue;
      }
      state.exp_avg.push_back(at::zeros_like(parameter).detach());
      state.exp_avg_sq.push_back(at::zeros_like(parameter).detach());
      // The fused kernel wants each parameter's step as a float32 scalar.
      state.step.push_back(at::zeros({}, parameter.options().dtype(at::kFloat)).detach());
      fused_ = fused_ && has_fused_kernel(parameter);
    }
  }
}

NamedTensors AdamW::state() const {
  NamedTensors entries;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < groups_[g].names.size(); ++i) {
      if (!states_[g].step[i].defined()) continue;
      const auto& name = groups_[g].names[i];
      entries.emplace_back("exp_avg." + name, states_[g].exp_avg[i]);
      entries.emplace_back("exp_avg_sq." + name, states_[g].exp_avg_sq[i]);
      entries.emplace_back("step." + name, states_[g].step[i]);
    }
  return entries;
}

void AdamW::step_group(std::size_t g, const std::vector<std::size_t>& indices, double lr) {
  const auto& group = groups_[g];
  const auto& state = states_[g];
  const auto parameters = pick(group.parameters, indices);
  const auto gradients = gradients_of(parameters);
  auto steps = pick(state.step, indices);
  at::_foreach_add_(steps, 1);
  const auto exp_avgs = pick(state.exp_avg, indices);
  const auto exp_avg_sqs = pick(state.exp_avg_sq, indices);
  if (fused_) {
    at::_fused_adamw_(parameters, gradients, exp_avgs, exp_avg_sqs, /*max_exp_avg_sqs=*/{}, steps,
                      lr, settings_.beta1, settings_.beta2, group.weight_decay, settings_.eps,
                      /*amsgrad=*/false, /*maximize=*/false);
    return;
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double step = steps[i].item<double>();
    parameters[i].mul_(1.0 - lr * group.weight_decay);
    exp_avgs[i].lerp_(gradients[i], 1.0 - settings_.beta1);
    exp_avg_sqs[i]
        .mul_(settings_.beta2)
        .addcmul_(gradients[i], gradients[i], 1.0 - settings_.beta2);
    const auto denominator =
        (exp_avg_sqs[i].sqrt() / std::sqrt(1.0 - std::pow(settings_.beta2, step)))
            .add_(settings_.eps);
    parameters[i].addcdiv_(exp_avgs[i], denominator, -lr / (1.0 - std::pow(settings_.beta1, step)));
  }
}

}  // namespace vit::train
