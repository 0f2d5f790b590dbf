// What products of whole numbers share on the levels with registers of 512 bits.
#pragma once

#include "kernels/gemm/dot.h"
#include "kernels/vector/avx512.h"

namespace vit::kernels::avx512 {

/// All of a `Dot` but `kFormat`, `kSplits` and `add`.
struct WholeDot {
  static constexpr int kLanes = 16, kRows = 8, kVectors = 2;
  using Sum = __m512i;

  static VIT_INLINE Sum zero() { return _mm512_setzero_si512(); }
  static VIT_INLINE Sum load(const std::int32_t* p) { return _mm512_loadu_si512(p); }
  static VIT_INLINE void store(std::int32_t* p, Sum x) { _mm512_storeu_si512(p, x); }
  static VIT_INLINE __m512i row(const std::byte* p) {
    int group;
    __builtin_memcpy(&group, p, sizeof group);
    return _mm512_set1_epi32(group);
  }
  static VIT_INLINE __m512i columns(const std::byte* p) { return _mm512_loadu_si512(p); }
};

}  // namespace vit::kernels::avx512
