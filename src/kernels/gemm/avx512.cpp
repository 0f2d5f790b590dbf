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

  static constexpr int kPairs = 32, kBits = 1;
  using PairSums = __m512i;
  static VIT_INLINE PairSums pair_sums(const std::uint8_t* p) {
    return _mm512_sub_epi16(_mm512_maddubs_epi16(_mm512_loadu_si512(p), _mm512_set1_epi8(1)),
                            _mm512_set1_epi16(256));
  }
  template <bool kSigned>
  static VIT_INLINE void copy(const std::uint8_t* from, std::uint8_t* to) {
    const auto sign = kSigned ? _mm512_set1_epi8(-128) : _mm512_setzero_si512();
    _mm512_storeu_si512(to, _mm512_xor_si512(_mm512_loadu_si512(from), sign));
  }
  static VIT_INLINE PairSums no_pair_sums() { return _mm512_setzero_si512(); }
  static VIT_INLINE PairSums add_pair_sums(PairSums a, PairSums b) {
    return _mm512_add_epi16(a, b);
  }
  static VIT_INLINE void store_pair_sums(std::int16_t* p, PairSums x) { _mm512_storeu_si512(p, x); }
  static VIT_INLINE std::uint32_t bits_above(PairSums x, std::int16_t most) {
    return _mm512_cmpgt_epi16_mask(x, _mm512_set1_epi16(most));
  }
  static VIT_INLINE std::uint32_t bits_outside(PairSums x, std::int16_t least, std::int16_t most) {
    return bits_above(x, most) | _mm512_cmplt_epi16_mask(x, _mm512_set1_epi16(least));
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
