#include "vit/runtime/parallel.h"

namespace vit::runtime {

void on_each_thread(int count, const std::function<void(int)>& f) {
#ifdef _OPENMP
#pragma omp parallel for num_threads(count) schedule(static, 1)
#endif
  for (int i = 0; i < count; ++i) f(i);
}

}  // namespace vit::runtime
