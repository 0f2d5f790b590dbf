#include "sgd.h"

#include <ATen/Functions.h>

namespace vit::train {

Sgd::Sgd(std::vector<ParamGroup> groups, const OptimizerSettings& settings, bool nesterov)
    : Optimizer(std::move(groups)),
      momentum_(settings.momentum),
      nesterov_(nesterov),
      buffers_("momentum_buffer", groups_) {}

NamedTensors Sgd::state() const {
  NamedTensors entries;
  buffers_.list(groups_, entries);
  return entries;
}

void Sgd::step_group(std::size_t g, const std::vector<std::size_t>& indices, double lr) {
  const auto& group = groups_[g];
  const auto parameters = pick(group.parameters, indices);
  auto updates = gradients_of(parameters);
  if (group.weight_decay != 0)
    updates = at::_foreach_add(updates, parameters, /*alpha=*/group.weight_decay);
  if (momentum_ > 0) {
    // PyTorch begins with the first gradient: the same as zero, decayed, and the gradient.
    const auto buffers = buffers_.of(g, indices);
    at::_foreach_mul_(buffers, momentum_);
    at::_foreach_add_(buffers, updates);
    updates = nesterov_ ? at::_foreach_add(updates, buffers, /*alpha=*/momentum_) : buffers;
  }
  at::_foreach_add_(parameters, updates, /*alpha=*/-lr);
}

}  // namespace vit::train
