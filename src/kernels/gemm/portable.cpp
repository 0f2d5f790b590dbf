#include "kernels/vector/portable.h"

#include <tmmintrin.h>

#include <algorithm>

#include "kernels/gemm/dot.h"
#include "kernels/gemm/loops.h"
#include "kernels/gemm/transposed.h"

namespace vit::kernels::portable {
namespace {

/// As AVX2's, for four columns.
struct Dot {
  static constexpr RowFormat kFormat = RowFormat::kUint8;
  static constexpr bool kSplits = true;
  static constexpr int kLanes = 4, kRows = 4, kVectors = 2;
  typedef std::int32_t Sum __attribute__((vector_size(16)));   // NOLINT: `using` forgets the size
  typedef std::int8_t Bytes __attribute__((vector_size(16)));  // NOLINT

  static VIT_INLINE Sum zero() { return Sum{}; }
  static VIT_INLINE Sum load(const std::int32_t* p) {
    Sum x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  static VIT_INLINE void store(std::int32_t* p, Sum x) { std::memcpy(p, &x, sizeof x); }
  static VIT_INLINE Bytes row(const std::byte* p) {
    std::int32_t group = 0;
    std::memcpy(&group, p, sizeof group);
    return reinterpret_cast<Bytes>(Sum{} + group);
  }
  static VIT_INLINE Bytes columns(const std::byte* p) {
    Bytes bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    return bytes;
  }
  template <bool kSigned>
  static VIT_INLINE Sum add(Sum sum, Bytes row, Bytes columns) {
    const auto a = reinterpret_cast<__m128i>(kSigned ? columns : row),
               b = reinterpret_cast<__m128i>(kSigned ? row : columns);
    return sum + reinterpret_cast<Sum>(_mm_madd_epi16(_mm_maddubs_epi16(a, b), _mm_set1_epi16(1)));
  }

  static constexpr int kPairs = 8, kBits = 2;
  typedef std::int16_t PairSums __attribute__((vector_size(16)));  // NOLINT
  static VIT_INLINE PairSums pair_sums(const std::uint8_t* p) {
    PairSums pairs;
    std::memcpy(&pairs, p, sizeof pairs);
    return (pairs & 0xff) + (pairs >> 8 & 0xff) - 256;
  }
  template <bool kSigned>
  static VIT_INLINE void copy(const std::uint8_t* from, std::uint8_t* to) {
    const auto bytes = columns(reinterpret_cast<const std::byte*>(from)) ^
                       static_cast<std::int8_t>(kSigned ? -128 : 0);
    std::memcpy(to, &bytes, sizeof bytes);
  }
  static VIT_INLINE PairSums no_pair_sums() { return PairSums{}; }
  static VIT_INLINE PairSums add_pair_sums(PairSums a, PairSums b) { return a + b; }
  static VIT_INLINE void store_pair_sums(std::int16_t* p, PairSums x) {
    std::memcpy(p, &x, sizeof x);
  }
  static VIT_INLINE std::uint32_t bits_above(PairSums x, std::int16_t most) {
    return bits(x > most);
  }
  static VIT_INLINE std::uint32_t bits_outside(PairSums x, std::int16_t least, std::int16_t most) {
    return bits((x > most) | (x < least));
  }
  static VIT_INLINE std::uint32_t bits(PairSums x) {
    return static_cast<std::uint32_t>(_mm_movemask_epi8(reinterpret_cast<__m128i>(x)));
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

}  // namespace vit::kernels::portable
