#include "kernels/gemm/dot512.h"
#include "kernels/gemm/loops.h"
#include "kernels/gemm/transposed.h"

namespace vit::kernels::avx512 {
namespace {

/// As AVX2's.
struct Dot : WholeDot {
  static constexpr RowFormat kFormat = RowFormat::kWideUint8;

  static VIT_INLINE Sum add(Sum sum, __m512i row, __m512i columns) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(row, columns));
  }
  static void widen(const std::int8_t* from, std::int16_t* to, int count) {
    for (int i = 0; i < count; i += 32) {
      const auto bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
      _mm512_storeu_si512(to + i, _mm512_cvtepi8_epi16(bytes));
    }
  }
};

}  // namespace

void gemm(const GemmCall& call) { run_gemm<Vector>(call); }

void gemm_wide_uint8(const GemmCall& call) {
  run_narrow_gemm<Vector, DotKernel<Vector, Dot>>(call);
}

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
