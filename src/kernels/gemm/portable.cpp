#include "kernels/vector/portable.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>

#include "kernels/gemm/dot.h"
#include "kernels/gemm/loops.h"
#include "kernels/gemm/transposed.h"

namespace vit::kernels::portable {
namespace {

/// As AVX2's, for four columns.
struct Dot {
  static constexpr RowFormat kFormat = RowFormat::kWideUint8;
  static constexpr int kLanes = 4, kRows = 4, kVectors = 2;
  typedef std::int32_t Sum __attribute__((vector_size(16)));    // NOLINT: `using` forgets the size
  typedef std::int16_t Words __attribute__((vector_size(16)));  // NOLINT

  static VIT_INLINE Sum zero() { return Sum{}; }
  static VIT_INLINE Sum load(const std::int32_t* p) {
    Sum x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  static VIT_INLINE void store(std::int32_t* p, Sum x) { std::memcpy(p, &x, sizeof x); }
  static VIT_INLINE Words row(const std::byte* p) {
    std::int32_t group = 0;
    std::memcpy(&group, p, sizeof group);
    return reinterpret_cast<Words>(Sum{} + group);
  }
  static VIT_INLINE Words columns(const std::byte* p) {
    Words words;
    std::memcpy(&words, p, sizeof words);
    return words;
  }
  static VIT_INLINE Sum add(Sum sum, Words row, Words columns) {
#if defined(__SSE2__)
    return sum + reinterpret_cast<Sum>(_mm_madd_epi16(reinterpret_cast<__m128i>(row),
                                                      reinterpret_cast<__m128i>(columns)));
#else
    for (int i = 0; i < kLanes; ++i)
      sum[i] += row[2 * i] * columns[2 * i] + row[2 * i + 1] * columns[2 * i + 1];
    return sum;
#endif
  }
  static void widen(const std::int8_t* from, std::int16_t* to, int count) {
    std::copy_n(from, count, to);
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

}  // namespace vit::kernels::portable
