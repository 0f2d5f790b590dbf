#include "vit/runtime/parallel.h"

namespace vit::runtime {

void run_in_parallel(int count, const std::function<void(int)>& f) {
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1)
#endif
  for (int i = 0; i < count; ++i) f(i);
}

}  // namespace vit::runtime
