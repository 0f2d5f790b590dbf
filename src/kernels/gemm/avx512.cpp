#include "kernels/gemm/dot512.h"
#include "kernels/gemm/loops.h"
#include "kernels/gemm/transposed.h"

namespace vit::kernels::avx512 {
namespace {

/// As AVX2's.
struct Dot : WholeDot {
  static constexpr RowFormat kFormat = RowFormat::kUint8;
  static constexpr bool kSplits = true;

  template <bool kSigned>
  static VIT_INLINE Sum add(Sum sum, __m512i row, __m512i columns) {
    const auto two =
        kSigned ? _mm512_maddubs_epi16(columns, row) : _mm512_maddubs_epi16(row, columns);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(two, _mm512_set1_epi16(1)));
  }
};

}  // namespace

void gemm(const GemmCall& call) { run_gemm<Vector>(call); }

void gemm_uint8(const GemmCall& call) { run_narrow_gemm<Vector, DotKernel<Vector, Dot>>(call); }

void pack_rows(const float* x, std::int64_t ld, const PackedRows& out, int begin, int end) {
  run_pack_rows<Vector>(x, ld, out, begin, end);
}

void pack_rows_transposed(const float* x, std::int64_t ld, std::int64_t k, const PackedRows& out) {
  run_pack_rows_transposed<Vector>(x, ld, k, out);
}

void pack_weight_transposed(const PackedWeight& weight, const float* x, std::int64_t ld,
                            std::int64_t k, int panel_begin, int panel_end, void* data) {
  run_pack_weight_transposed<Vector>(weight, x, ld, k, panel_begin, panel_end,
                                     static_cast<float*>(data));
}

}  // namespace vit::kernels::avx512
