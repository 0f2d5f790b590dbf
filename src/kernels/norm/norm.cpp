#include "vit/kernels/norm.h"

#include "kernels/norm/levels.h"

namespace vit::kernels {

void norm(Isa isa, const NormCall& call, int row_begin, int row_end) {
  if (isa >= Isa::kAvx512) return avx512::norm(call, row_begin, row_end);
  if (isa == Isa::kAvx2) return avx2::norm(call, row_begin, row_end);
  portable::norm(call, row_begin, row_end);
}

}  // namespace vit::kernels
