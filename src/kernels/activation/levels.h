// The activations by level; each is compiled with the flags of its level.
#pragma once

#include "vit/kernels/activation.h"

namespace vit::kernels {
namespace portable {
void activate(Activation activation, const float* x, std::int64_t count, float* out);
}
namespace avx2 {
void activate(Activation activation, const float* x, std::int64_t count, float* out);
}
namespace avx512 {
void activate(Activation activation, const float* x, std::int64_t count, float* out);
}
}  // namespace vit::kernels
