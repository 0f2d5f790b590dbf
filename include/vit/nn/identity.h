// A layer that changes nothing; it stands where an option leaves a layer out.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/layer.h"

namespace vit::nn {

class IdentityImpl : public Layer {
 public:
  torch::Tensor forward(const torch::Tensor& x) override { return x; }
};
TORCH_MODULE(Identity);

}  // namespace vit::nn
