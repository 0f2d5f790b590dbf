#include "kernels/vector/avx512.h"

#include "kernels/activation/loops.h"

namespace vit::kernels::avx512 {

void activate(Activation activation, const float* x, std::int64_t count, float* out) {
  run_activation<Vector>(activation, x, count, out);
}

}  // namespace vit::kernels::avx512
