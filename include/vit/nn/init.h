// Drawing initial weights, from an explicit generator.
#pragma once

#include <ATen/core/Generator.h>
#include <torch/nn/module.h>

#include "vit/nn/layer.h"

namespace vit::nn {

/// Normal around 0, cut at ±2 (not ±2 std), in place; torch.nn.init.trunc_normal_.
void trunc_normal_(torch::Tensor tensor, double std, const at::Generator& generator);

/// Normal around 0 with std sqrt(2 / fan_out), in place; `weight`: [out, in, kh, kw].
/// torch.nn.init.kaiming_normal_ with mode='fan_out'.
void kaiming_normal_fan_out_(torch::Tensor weight, const at::Generator& generator);

/// Calls reset_parameters on every layer of `module`, children first: the seed's
/// `_init_vit_weights`.
void init_layers(torch::nn::Module& module, const at::Generator& generator);

}  // namespace vit::nn
