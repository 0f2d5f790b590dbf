// Weights on their way between a file and LibTorch's tensors.
#pragma once

#include <torch/types.h>

#include <functional>
#include <utility>

#include "vit/model/weights.h"
#include "vit/state_dict/source.h"

namespace vit::model {

using state_dict::created;
using state_dict::find;
using state_dict::Interpolation;
using state_dict::NamedWeights;
using state_dict::Resampling;
using state_dict::transformed;
using state_dict::Weight;

/// The same memory; a shape alone is a tensor on the meta device.
torch::Tensor to_torch(const state_dict::Tensor& tensor);
/// The same memory where it is contiguous and on the CPU, else a copy of it.
state_dict::Tensor from_torch(const torch::Tensor& tensor);

/// A step of LibTorch's as a step of Weight's.
template <class Step>
auto torch_step(Step step) {
  return [step = std::move(step)](const state_dict::Tensor& x) {
    return from_torch(step(to_torch(x)));
  };
}

}  // namespace vit::model
