// Sums of products of pairs of bfloat16, and how their operands are packed: AVX512_BF16.
#include "kernels/vector/bf16.h"

#include <type_traits>

#include "kernels/gemm/bf16_pack.h"
#include "kernels/gemm/dot.h"

namespace vit::kernels::bf16 {
namespace {

struct Dot {
  static constexpr RowFormat kFormat = RowFormat::kBf16;
  static constexpr bool kSplits = false;
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

/// `pack(parts)` with the number of bfloat16 in which a value stands, as a constant.
template <class F>
VIT_INLINE void with_parts(RowFormat format, const F& pack) {
  switch (narrow_parts(format)) {
    case 3:
      return pack(std::integral_constant<int, 3>());
    case 2:
      return pack(std::integral_constant<int, 2>());
    default:
      return pack(std::integral_constant<int, 1>());
  }
}

}  // namespace

void gemm_bf16(const GemmCall& call) { run_narrow_gemm<Vector, DotKernel<Vector, Dot>>(call); }

void pack_rows(const float* x, std::int64_t ld, const PackedRows& out, int begin, int end) {
  with_parts(out.format, [&](auto parts) { pack_rows<parts()>(x, ld, out, begin, end); });
}

void pack_rows_transposed(const float* x, std::int64_t ld, std::int64_t k, const PackedRows& out) {
  with_parts(out.format, [&](auto parts) { pack_rows_transposed<parts()>(x, ld, k, out); });
}

void pack_rows_both_ways(const float* x, std::int64_t ld, const PackedRows& rows,
                         const PackedRows& transposed, float* sums) {
  pack_both_ways(x, ld, rows, transposed, sums);
}

void pack_weight_transposed(const PackedWeight& weight, const float* x, std::int64_t ld,
                            std::int64_t k, int panel_begin, int panel_end, void* data) {
  auto* to = static_cast<std::byte*>(data);
  with_parts(weight.reads, [&](auto parts) {
    pack_weight_transposed<parts()>(weight, x, ld, k, panel_begin, panel_end, to);
  });
}

void pack_weight(const PackedWeight& weight, std::int64_t k, std::int64_t first, std::int64_t count,
                 const float* const* rows, void* data) {
  auto* to = static_cast<std::byte*>(data);
  with_parts(weight.reads,
             [&](auto parts) { pack_weight<parts()>(weight, k, first, count, rows, to); });
}

}  // namespace vit::kernels::bf16
