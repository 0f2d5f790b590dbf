// What an optimiser keeps beside each parameter.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "vit/train/optimizer.h"

namespace vit::train {

inline std::vector<at::Tensor> pick(const std::vector<at::Tensor>& tensors,
                                    const std::vector<std::size_t>& indices) {
  std::vector<at::Tensor> picked;
  picked.reserve(indices.size());
  for (const auto i : indices) picked.push_back(tensors[i]);
  return picked;
}

inline std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const auto& parameter : parameters) gradients.push_back(parameter.grad());
  return gradients;
}

/// One tensor for each parameter of each group, of its shape and type, zero at first.
class Moments {
 public:
  Moments(std::string name, const std::vector<ParamGroup>& groups);

  std::vector<at::Tensor> of(std::size_t group, const std::vector<std::size_t>& indices) const {
    return pick(tensors_[group], indices);
  }
  /// Adds `name.parameter` for each.
  void list(const std::vector<ParamGroup>& groups, NamedTensors& entries) const;

 private:
  std::string name_;
  std::vector<std::vector<at::Tensor>> tensors_;  // a group
};

}  // namespace vit::train
