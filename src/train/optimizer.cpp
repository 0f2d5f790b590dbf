#include "vit/train/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <map>

#include "adamw.h"
#include "vit/core/error.h"

namespace vit::train {
namespace {

using Factory = std::unique_ptr<Optimizer> (*)(std::vector<ParamGroup>, const OptimizerOptions&);

template <class T>
std::unique_ptr<Optimizer> make(std::vector<ParamGroup> groups, const OptimizerOptions& options) {
  return std::make_unique<T>(std::move(groups), options);
}

const std::map<std::string, Factory>& factories() {
  static const std::map<std::string, Factory> table{{"adamw", make<AdamW>}};
  return table;
}

}  // namespace

void Optimizer::step(double lr) {
  const at::NoGradGuard no_grad;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < groups_[g].parameters.size(); ++i)
      if (groups_[g].parameters[i].grad().defined()) indices.push_back(i);
    if (!indices.empty()) step_group(g, indices, lr * groups_[g].lr_scale);
  }
}

void Optimizer::zero_grad() {
  for (auto& group : groups_)
    for (auto& parameter : group.parameters) parameter.mutable_grad().reset();
}

std::vector<at::Tensor> Optimizer::gradients() const {
  std::vector<at::Tensor> gradients;
  for (const auto& group : groups_)
    for (const auto& parameter : group.parameters)
      if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  return gradients;
}

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : factories()) names.push_back(name);
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, std::vector<ParamGroup> groups,
                                          const OptimizerOptions& options) {
  const auto factory = factories().find(name);
  if (factory == factories().end()) throw UsageError("opt: no optimiser '{}'", name);
  return factory->second(std::move(groups), options);
}

double clip_grad_norm(const std::vector<at::Tensor>& gradients, double max_norm) {
  const at::NoGradGuard no_grad;
  if (gradients.empty()) return 0.0;
  const auto norms = at::_foreach_norm(gradients);
  const auto norm = at::stack(norms).norm();
  // 1e-6 as in torch.nn.utils.clip_grad_norm_.
  const auto scale = at::clamp_max(max_norm / (norm + 1e-6), 1.0);
  at::_foreach_mul_(gradients, scale);
  return norm.item<double>();
}

}  // namespace vit::train
