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

/// The seed's `_init_vit_weights` on `module` and everything below it: Linear trunc_normal .01 with
/// zero bias, PatchProjection kaiming_normal fan_out with zero bias, LayerNorm ones and zeros.
/// Other layers by their reset_parameters.
void init_layers(torch::nn::Module& module, const at::Generator& generator);

}  // namespace vit::nn
