#include "kernels/vector/portable.h"

#include "kernels/norm/loops.h"

namespace vit::kernels::portable {

void norm(const NormCall& call, int row_begin, int row_end) {
  run_norm<Vector>(call, row_begin, row_end);
}

}  // namespace vit::kernels::portable
