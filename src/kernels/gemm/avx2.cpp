#include "kernels/vector/avx2.h"

#include "kernels/gemm/loops.h"

namespace vit::kernels::avx2 {

void gemm(const GemmCall& call) { run_gemm<Vector>(call); }

void pack_rows(const float* x, std::int64_t ld, const PackedRows& out, int begin, int end) {
  run_pack_rows<Vector>(x, ld, out, begin, end);
}

}  // namespace vit::kernels::avx2
