#include "kernels/vector/avx2.h"

#include "kernels/gemm/dot.h"
#include "kernels/gemm/loops.h"
#include "kernels/gemm/transposed.h"

namespace vit::kernels::avx2 {
namespace {

/// PairSums of two products of bytes in 16 bits, and of two of those in 32.
struct Dot {
  static constexpr RowFormat kFormat = RowFormat::kUint8;
  static constexpr bool kSplits = true;
  static constexpr int kLanes = 8, kRows = 4, kVectors = 2;
  using Sum = __m256i;

  static VIT_INLINE __m256i words(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  static VIT_INLINE Sum zero() { return _mm256_setzero_si256(); }
  static VIT_INLINE Sum load(const std::int32_t* p) { return words(p); }
  static VIT_INLINE void store(std::int32_t* p, Sum x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
  }
  static VIT_INLINE __m256i row(const std::byte* p) {
    int group;
    __builtin_memcpy(&group, p, sizeof group);
    return _mm256_set1_epi32(group);
  }
  static VIT_INLINE __m256i columns(const std::byte* p) { return words(p); }
  template <bool kSigned>
  static VIT_INLINE Sum add(Sum sum, __m256i row, __m256i columns) {
    const auto two =
        kSigned ? _mm256_maddubs_epi16(columns, row) : _mm256_maddubs_epi16(row, columns);
    const auto four = _mm256_madd_epi16(two, _mm256_set1_epi16(1));
    // In place: g++ 12 moves each sum to another register and back.
    asm("vpaddd %1, %0, %0" : "+x"(sum) : "x"(four));
    return sum;
  }

  static constexpr int kPairs = 16, kBits = 2;
  using PairSums = __m256i;
  static VIT_INLINE PairSums pair_sums(const std::uint8_t* p) {
    return _mm256_sub_epi16(_mm256_maddubs_epi16(words(p), _mm256_set1_epi8(1)),
                            _mm256_set1_epi16(256));
  }
  template <bool kSigned>
  static VIT_INLINE void copy(const std::uint8_t* from, std::uint8_t* to) {
    const auto sign = kSigned ? _mm256_set1_epi8(-128) : _mm256_setzero_si256();
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_xor_si256(words(from), sign));
  }
  static VIT_INLINE PairSums no_pair_sums() { return _mm256_setzero_si256(); }
  static VIT_INLINE PairSums add_pair_sums(PairSums a, PairSums b) {
    return _mm256_add_epi16(a, b);
  }
  static VIT_INLINE void store_pair_sums(std::int16_t* p, PairSums x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
  }
  static VIT_INLINE std::uint32_t bits_above(PairSums x, std::int16_t most) {
    return static_cast<std::uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpgt_epi16(x, _mm256_set1_epi16(most))));
  }
  static VIT_INLINE std::uint32_t bits_outside(PairSums x, std::int16_t least, std::int16_t most) {
    return bits_above(x, most) | static_cast<std::uint32_t>(_mm256_movemask_epi8(
                                     _mm256_cmpgt_epi16(_mm256_set1_epi16(least), x)));
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

}  // namespace vit::kernels::avx2
