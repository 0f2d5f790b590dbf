#include "moments.h"

#include <ATen/Functions.h>

#include "vit/core/error.h"

namespace vit::train {

Moments::Moments(std::string name, const std::vector<ParamGroup>& groups) : name_(std::move(name)) {
  for (const auto& group : groups) {
    auto& tensors = tensors_.emplace_back();
    for (const auto& parameter : group.parameters)
      tensors.push_back(at::zeros_like(parameter).detach());
  }
}

void Moments::list(const std::vector<ParamGroup>& groups, NamedTensors& entries) const {
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::size_t i = 0; i < groups[g].names.size(); ++i)
      entries.emplace_back(format("{}.{}", name_, groups[g].names[i]), tensors_[g][i]);
}

}  // namespace vit::train
