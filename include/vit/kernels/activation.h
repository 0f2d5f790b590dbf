// The activations that a linear layer's epilogue can apply.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vit/core/isa.h"

namespace vit::kernels {

enum class Activation {
  kIdentity,
  kGelu,      ///< by erf, absolute error 3e-7 · |x|
  kGeluTanh,  ///< PyTorch's approximate="tanh"
  kMish,
  kQuickGelu,  ///< x · sigmoid(1.702 x)
  kRelu,
  kSigmoid,
  kSilu,
  kTanh,
};

/// nn::make_activation's names: gelu, gelu_tanh, identity, mish, quick_gelu, relu, sigmoid, silu
/// (also swish), tanh. None for any other.
std::optional<Activation> parse_activation(std::string_view name);

/// The first of the names above.
std::string_view activation_name(Activation activation);

/// out[i] = activation(x[i]) for i < count; `out` may be `x`. The machine must have `isa`.
void activate(Isa isa, Activation activation, const float* x, std::int64_t count, float* out);

}  // namespace vit::kernels
