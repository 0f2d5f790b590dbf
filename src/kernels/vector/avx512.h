// Sixteen floats, AVX-512; portable.h says what each function means. For sources that are compiled
// with -march=x86-64-v4.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/vector/inline.h"

namespace vit::kernels::avx512 {
namespace {

struct Vector {
  using Reg = __m512;
  static constexpr int kWidth = 16;
  static constexpr int kRows = 8;

  static VIT_INLINE Reg set1(float x) { return _mm512_set1_ps(x); }
  static VIT_INLINE Reg zero() { return _mm512_setzero_ps(); }
  static VIT_INLINE Reg load(const float* p) { return _mm512_loadu_ps(p); }
  static VIT_INLINE Reg load_bf16(const std::uint16_t* p) {
    const __m256i narrow = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
  }
  static VIT_INLINE Reg load_int32(const std::int32_t* p) {
    return _mm512_cvtepi32_ps(_mm512_loadu_si512(p));
  }
  static VIT_INLINE void store(float* p, Reg x) { _mm512_storeu_ps(p, x); }
  static VIT_INLINE Reg to_bf16(Reg x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
    const __mmask16 number = _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q);
    return _mm512_castsi512_ps(
        _mm512_mask_and_epi32(bits, number, sum, _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
  }
  static VIT_INLINE void store_bf16(std::uint16_t* p, Reg x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(x), 16)));
  }
  static VIT_INLINE void store_near_bf16(std::uint16_t* p, Reg x) { store_bf16(p, to_bf16(x)); }
  static VIT_INLINE void store_uint8(std::uint8_t* p, Reg x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(x)));
  }
  static VIT_INLINE Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static VIT_INLINE Reg sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static VIT_INLINE Reg mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static VIT_INLINE Reg div(Reg a, Reg b) { return _mm512_div_ps(a, b); }
  static VIT_INLINE Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  static VIT_INLINE Reg max(Reg a, Reg b) { return _mm512_max_ps(a, b); }
  static VIT_INLINE Reg min(Reg a, Reg b) { return _mm512_min_ps(a, b); }
  static VIT_INLINE Reg abs(Reg a) { return _mm512_andnot_ps(set1(-0.0F), a); }
  static VIT_INLINE Reg copysign(Reg a, Reg b) {
    return _mm512_or_ps(abs(a), _mm512_and_ps(set1(-0.0F), b));
  }
  static VIT_INLINE Reg where_less(Reg a, Reg b, Reg x, Reg y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
  }
  static VIT_INLINE Reg scale_exponent(Reg p, Reg n) {
    const __m512i shift = _mm512_slli_epi32(_mm512_castps_si512(n), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), shift));
  }
  static VIT_INLINE Reg keep(Reg a, int count) {
    const auto mask = count >= 16 ? 0xffffU : (1U << static_cast<unsigned>(count)) - 1U;
    return _mm512_maskz_mov_ps(static_cast<__mmask16>(mask), a);
  }
  static VIT_INLINE float sum(Reg a) { return _mm512_reduce_add_ps(a); }
  static VIT_INLINE float maximum(Reg a) { return _mm512_reduce_max_ps(a); }
  static VIT_INLINE void store_columns(const Reg (&rows)[kRows], float* out) {
    store_half(rows[0], rows[1], rows[2], rows[3], out);
    store_half(rows[4], rows[5], rows[6], rows[7], out + 4);
  }
  static VIT_INLINE void prefetch_near(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
  }
  static VIT_INLINE void prefetch_far(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
  }

 private:
  /// Four of the eight rows: column c goes to out[8 c … 8 c + 3].
  static VIT_INLINE void store_half(Reg r0, Reg r1, Reg r2, Reg r3, float* out) {
    const __m512d a = pairs(_mm512_unpacklo_ps(r0, r1)), b = pairs(_mm512_unpackhi_ps(r0, r1));
    const __m512d c = pairs(_mm512_unpacklo_ps(r2, r3)), d = pairs(_mm512_unpackhi_ps(r2, r3));
    // Each of the four lanes of 128 bits holds one column: 0, 4, 8 and 12 in the first.
    store_lanes(_mm512_castpd_ps(_mm512_unpacklo_pd(a, c)), out);
    store_lanes(_mm512_castpd_ps(_mm512_unpackhi_pd(a, c)), out + 8);
    store_lanes(_mm512_castpd_ps(_mm512_unpacklo_pd(b, d)), out + 16);
    store_lanes(_mm512_castpd_ps(_mm512_unpackhi_pd(b, d)), out + 24);
  }
  static VIT_INLINE __m512d pairs(Reg a) { return _mm512_castps_pd(a); }
  static VIT_INLINE void store_lanes(Reg a, float* out) {
    _mm_storeu_ps(out, _mm512_castps512_ps128(a));
    _mm_storeu_ps(out + 32, _mm512_extractf32x4_ps(a, 1));
    _mm_storeu_ps(out + 64, _mm512_extractf32x4_ps(a, 2));
    _mm_storeu_ps(out + 96, _mm512_extractf32x4_ps(a, 3));
  }
};

}  // namespace
}  // namespace vit::kernels::avx512
