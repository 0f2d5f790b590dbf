#include "vit/kernels/norm.h"

#include "kernels/norm/levels.h"

namespace vit::kernels {

void norm(Isa isa, const NormCall& call, int row_begin, int row_end) {
  switch (isa) {
    case Isa::kPortable:
      return portable::norm(call, row_begin, row_end);
    case Isa::kAvx2:
      return avx2::norm(call, row_begin, row_end);
    case Isa::kAvx512:
      return avx512::norm(call, row_begin, row_end);
  }
}

}  // namespace vit::kernels
