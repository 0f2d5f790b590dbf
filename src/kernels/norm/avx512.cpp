#include "kernels/vector/avx512.h"

#include "kernels/norm/loops.h"

namespace vit::kernels::avx512 {

void norm(const NormCall& call, int row_begin, int row_end) {
  run_norm<Vector>(call, row_begin, row_end);
}

}  // namespace vit::kernels::avx512
