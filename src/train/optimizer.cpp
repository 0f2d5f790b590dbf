#include "vit/train/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <map>

#include "adamw.h"
#include "lamb.h"
#include "lion.h"
#include "muon.h"
#include "sgd.h"
#include "vit/core/error.h"
#include "vit/train/train_options.h"

namespace vit::train {
namespace {

using Factory = std::unique_ptr<Optimizer> (*)(std::vector<ParamGroup>, const OptimizerSettings&);

template <class T>
std::unique_ptr<Optimizer> make(std::vector<ParamGroup> groups, const OptimizerSettings& settings) {
  return std::make_unique<T>(std::move(groups), settings);
}

template <bool kNesterov>
std::unique_ptr<Optimizer> make_sgd(std::vector<ParamGroup> groups,
                                    const OptimizerSettings& settings) {
  return std::make_unique<Sgd>(std::move(groups), settings, kNesterov);
}

struct Known {
  Factory make;
  OptimizerSettings defaults;
};

const std::map<std::string, Known>& optimizers() {
  static const std::map<std::string, Known> table{
      {"adamw", {make<AdamW>, {.eps = 1e-8}}}, {"sgd", {make_sgd<true>, {}}},
      {"momentum", {make_sgd<false>, {}}},     {"lamb", {make<Lamb>, {.eps = 1e-6}}},
      {"lion", {make<Lion>, {.beta2 = 0.99}}}, {"muon", {make<Muon>, {.eps = 1e-7, .beta2 = 0.95}}},
  };
  return table;
}

const Known& find_optimizer(const std::string& name) {
  const auto found = optimizers().find(name);
  if (found == optimizers().end()) throw UsageError("opt: no optimiser '{}'", name);
  return found->second;
}

}  // namespace

void Optimizer::step(double lr) {
  const at::NoGradGuard no_grad;
  begin_step();
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
  for (const auto& [name, known] : optimizers()) names.push_back(name);
  return names;
}

OptimizerSettings default_settings(const std::string& name) {
  return find_optimizer(name).defaults;
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, std::vector<ParamGroup> groups,
                                          const OptimizerSettings& settings) {
  return find_optimizer(name).make(std::move(groups), settings);
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
