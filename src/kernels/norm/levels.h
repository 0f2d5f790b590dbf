// The norms by level; each is compiled with the flags of its level.
#pragma once

#include "vit/kernels/norm.h"

namespace vit::kernels {
namespace portable {
void norm(const NormCall& call, int row_begin, int row_end);
}
namespace avx2 {
void norm(const NormCall& call, int row_begin, int row_end);
}
namespace avx512 {
void norm(const NormCall& call, int row_begin, int row_end);
}
}  // namespace vit::kernels
