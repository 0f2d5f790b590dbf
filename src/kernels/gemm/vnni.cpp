// Sums of products of four unsigned and signed bytes: AVX512_VNNI.
#include "kernels/gemm/dot512.h"

namespace vit::kernels::vnni {
namespace {

using avx512::Vector;

struct Dot : avx512::WholeDot {
  static constexpr RowFormat kFormat = RowFormat::kUint8;
  static constexpr bool kSplits = false;

  static VIT_INLINE Sum add(Sum sum, __m512i row, __m512i columns) {
    return _mm512_dpbusd_epi32(sum, row, columns);
  }
};

}  // namespace

void gemm_uint8(const GemmCall& call) { run_narrow_gemm<Vector, DotKernel<Vector, Dot>>(call); }

}  // namespace vit::kernels::vnni
