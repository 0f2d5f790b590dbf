// Sums of products of pairs of bfloat16: AVX512_BF16.
#include "kernels/gemm/dot.h"
#include "kernels/vector/avx512.h"

namespace vit::kernels::bf16 {
namespace {

using avx512::Vector;

struct Dot {
  static constexpr RowFormat kFormat = RowFormat::kBf16;
  static constexpr int kLanes = 16, kRows = 8, kVectors = 2;
  using Sum = __m512;

  static VIT_INLINE Sum zero() { return _mm512_setzero_ps(); }
  static VIT_INLINE Sum load(const std::int32_t* p) { return _mm512_loadu_ps(p); }
  static VIT_INLINE void store(std::int32_t* p, Sum x) { _mm512_storeu_ps(p, x); }
  static VIT_INLINE __m512bh row(const std::byte* p) {
    int group;
    __builtin_memcpy(&group, p, sizeof group);
    return (__m512bh)_mm512_set1_epi32(group);
  }
  static VIT_INLINE __m512bh columns(const std::byte* p) { return (__m512bh)_mm512_loadu_si512(p); }
  static VIT_INLINE Sum add(Sum sum, __m512bh row, __m512bh columns) {
    return _mm512_dpbf16_ps(sum, row, columns);
  }
};

}  // namespace

void gemm_bf16(const GemmCall& call) { run_narrow_gemm<Vector, DotKernel<Vector, Dot>>(call); }

}  // namespace vit::kernels::bf16
