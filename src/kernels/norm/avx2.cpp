#include "kernels/vector/avx2.h"

#include "kernels/norm/loops.h"

namespace vit::kernels::avx2 {

void norm(const NormCall& call, int row_begin, int row_end) {
  run_norm<Vector>(call, row_begin, row_end);
}

}  // namespace vit::kernels::avx2
