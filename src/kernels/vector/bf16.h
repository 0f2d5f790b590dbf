// The vector with instructions for bfloat16, and pairs of bfloat16 in lanes of 32 bits, as sums of
// their products take them. For sources that are compiled with -mavx512bf16.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/vector/avx512.h"
#include "kernels/vector/inline.h"

namespace vit::kernels::bf16 {
namespace {

/// With the instruction that rounds to bfloat16, which makes 0 of magnitudes below 2^-126, as the
/// products do.
struct Vector : avx512::Vector {
  static VIT_INLINE void store_near_bf16(std::uint16_t* p, Reg x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(x));
  }
};

constexpr int kSide = 16;  ///< rows and columns of a block of pairs
constexpr int kBlockBytes = kSide * kSide * 4;

/// Values [0, left) of a row, zeros beyond.
VIT_INLINE __m512 load_part(const float* row, std::int64_t left) {
  if (left >= kSide) return _mm512_loadu_ps(row);
  return left > 0 ? _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << left) - 1U), row)
                  : _mm512_setzero_ps();
}

/// 32 values side by side: `first`, then `second`.
VIT_INLINE __m512i joined(__m512 first, __m512 second) {
  return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

/// Of 32 values the first and the second half, value by value.
VIT_INLINE __m512i halves_interleaved(__m512i values) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, values);
}

/// Each lane: bfloat16 of `even` below that of `odd`.
VIT_INLINE __m512i interleaved(__m512 even, __m512 odd) {
  return halves_interleaved(joined(even, odd));
}

/// The same of values that are in bfloat16.
VIT_INLINE __m512i interleaved(__m256i even, __m256i odd) {
  return _mm512_or_epi32(_mm512_cvtepu16_epi32(even),
                         _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
}

/// A block of 16 × 16 lanes to its columns, `stride` bytes apart.
VIT_INLINE void store_turned(const __m512i (&rows)[kSide], void* to, std::int64_t stride) {
  __m512i a[kSide], b[kSide];
  VIT_UNROLL
  for (int i = 0; i < kSide; i += 2) {
    a[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  VIT_UNROLL
  for (int i = 0; i < kSide; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  // b[4 g + c] holds, in lane l of 128 bits, column 4 l + c of rows 4 g … 4 g + 3.
  auto* out = static_cast<std::byte*>(to);
  VIT_UNROLL
  for (int c = 0; c < 4; ++c) {
    const __m512i low01 = _mm512_shuffle_i32x4(b[c], b[4 + c], 0x44);
    const __m512i high01 = _mm512_shuffle_i32x4(b[c], b[4 + c], 0xee);
    const __m512i low23 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0x44);
    const __m512i high23 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0xee);
    _mm512_storeu_si512(out + c * stride, _mm512_shuffle_i32x4(low01, low23, 0x88));
    _mm512_storeu_si512(out + (4 + c) * stride, _mm512_shuffle_i32x4(low01, low23, 0xdd));
    _mm512_storeu_si512(out + (8 + c) * stride, _mm512_shuffle_i32x4(high01, high23, 0x88));
    _mm512_storeu_si512(out + (12 + c) * stride, _mm512_shuffle_i32x4(high01, high23, 0xdd));
  }
}

VIT_INLINE void store_block(const __m512i (&rows)[kSide], void* to) {
  auto* out = static_cast<std::byte*>(to);
  VIT_UNROLL
  for (int i = 0; i < kSide; ++i) _mm512_storeu_si512(out + i * kSide * 4, rows[i]);
}

/// x, of whose lanes those from `left` on become an exponent whose power is 0.
VIT_INLINE __m512 without_lanes_from(__m512 x, int left) {
  if (left >= kSide) return x;
  const auto beyond = static_cast<__mmask16>(left > 0 ? 0xffffU << left : 0xffffU);
  return _mm512_mask_mov_ps(x, beyond, _mm512_set1_ps(-1e30F));
}

/// 2^x for x <= 0, relative error 1e-4: far finer than the bfloat16 that it becomes.
VIT_INLINE __m512 exp2_of_negative(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(x, 0);
  const __m512 f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(0.0555041F);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.2402265F));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.6931472F));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0F));
  return _mm512_scalef_ps(p, n);
}

}  // namespace
}  // namespace vit::kernels::bf16
