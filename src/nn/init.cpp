#include "vit/nn/init.h"

#include <cmath>

namespace vit::nn {
void trunc_normal_(torch::Tensor tensor, double std, const at::Generator& generator) {
  const at::NoGradGuard no_grad;
  tensor.normal_(0.0, std, generator);
  if (tensor.is_meta()) return;
  // Rejection, as torch 2.15 does it: exact in every dtype.
  for (auto outside = tensor.abs().gt(2.0); outside.any().item<bool>();
       outside = tensor.abs().gt(2.0))
    tensor.copy_(at::where(outside, at::empty_like(tensor).normal_(0.0, std, generator), tensor));
}

void kaiming_normal_fan_out_(torch::Tensor weight, const at::Generator& generator) {
  const at::NoGradGuard no_grad;
  const auto fan_out = static_cast<double>(weight.size(0) * weight[0][0].numel());
  weight.normal_(0.0, std::sqrt(2.0 / fan_out), generator);
}

void init_layers(torch::nn::Module& module, const at::Generator& generator) {
  const at::NoGradGuard no_grad;
  // Children first, so that a layer has the last word on theirs.
  for (const auto& child : module.children()) init_layers(*child, generator);
  if (auto* layer = dynamic_cast<Layer*>(&module)) layer->reset_parameters(generator);
}

}  // namespace vit::nn
