// Eight floats, AVX2 and FMA; portable.h says what each function means. For sources that are
// compiled with -march=x86-64-v3.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/vector/inline.h"

namespace vit::kernels::avx2 {
namespace {

struct Vector {
  using Reg = __m256;
  static constexpr int kWidth = 8;
  static constexpr int kRows = 4;

  static VIT_INLINE Reg set1(float x) { return _mm256_set1_ps(x); }
  static VIT_INLINE Reg zero() { return _mm256_setzero_ps(); }
  static VIT_INLINE Reg load(const float* p) { return _mm256_loadu_ps(p); }
  static VIT_INLINE Reg load_bf16(const std::uint16_t* p) {
    const __m128i narrow = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(narrow), 16));
  }
  static VIT_INLINE Reg load_int32(const std::int32_t* p) {
    return _mm256_cvtepi32_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static VIT_INLINE void store(float* p, Reg x) { _mm256_storeu_ps(p, x); }
  static VIT_INLINE Reg to_bf16(Reg x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7fff));
    const __m256i rounded = _mm256_and_si256(sum, _mm256_set1_epi32(static_cast<int>(0xffff0000U)));
    return _mm256_blendv_ps(x, _mm256_castsi256_ps(rounded), _mm256_cmp_ps(x, x, _CMP_ORD_Q));
  }
  static VIT_INLINE void store_bf16(std::uint16_t* p, Reg x) {
    const __m256i halves = _mm256_srli_epi32(_mm256_castps_si256(x), 16);
    const __m256i packed = _mm256_packus_epi32(halves, halves);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
  }
  static VIT_INLINE void store_near_bf16(std::uint16_t* p, Reg x) { store_bf16(p, to_bf16(x)); }
  static VIT_INLINE void store_uint8(std::uint8_t* p, Reg x) {
    const __m256i whole = _mm256_cvtps_epi32(x);
    const __m256i pairs = _mm256_packs_epi32(whole, whole);
    const __m128i ordered = _mm256_castsi256_si128(_mm256_permute4x64_epi64(pairs, 0x08));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(ordered, ordered));
  }
  static VIT_INLINE Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static VIT_INLINE Reg sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static VIT_INLINE Reg mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static VIT_INLINE Reg div(Reg a, Reg b) { return _mm256_div_ps(a, b); }
  static VIT_INLINE Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  static VIT_INLINE Reg max(Reg a, Reg b) { return _mm256_max_ps(a, b); }
  static VIT_INLINE Reg min(Reg a, Reg b) { return _mm256_min_ps(a, b); }
  static VIT_INLINE Reg abs(Reg a) { return _mm256_andnot_ps(set1(-0.0F), a); }
  static VIT_INLINE Reg copysign(Reg a, Reg b) {
    return _mm256_or_ps(abs(a), _mm256_and_ps(set1(-0.0F), b));
  }
  static VIT_INLINE Reg where_less(Reg a, Reg b, Reg x, Reg y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
  }
  static VIT_INLINE Reg scale_exponent(Reg p, Reg n) {
    const __m256i shift = _mm256_slli_epi32(_mm256_castps_si256(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), shift));
  }
  static VIT_INLINE Reg keep(Reg a, int count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_and_ps(a,
                         _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane)));
  }
  static VIT_INLINE float sum(Reg a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
  }
  static VIT_INLINE float maximum(Reg a) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
  }
  static VIT_INLINE void store_columns(const Reg (&rows)[kRows], float* out) {
    const Reg a = _mm256_unpacklo_ps(rows[0], rows[1]), b = _mm256_unpackhi_ps(rows[0], rows[1]);
    const Reg c = _mm256_unpacklo_ps(rows[2], rows[3]), d = _mm256_unpackhi_ps(rows[2], rows[3]);
    const Reg k0 = low_pairs(a, c), k1 = high_pairs(a, c);  // columns 0 and 4, 1 and 5
    const Reg k2 = low_pairs(b, d), k3 = high_pairs(b, d);  // columns 2 and 6, 3 and 7
    store(out, _mm256_permute2f128_ps(k0, k1, 0x20));
    store(out + 8, _mm256_permute2f128_ps(k2, k3, 0x20));
    store(out + 16, _mm256_permute2f128_ps(k0, k1, 0x31));
    store(out + 24, _mm256_permute2f128_ps(k2, k3, 0x31));
  }
  static VIT_INLINE void prefetch_near(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
  }
  static VIT_INLINE void prefetch_far(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
  }

 private:
  static VIT_INLINE Reg low_pairs(Reg a, Reg b) {
    return _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
  }
  static VIT_INLINE Reg high_pairs(Reg a, Reg b) {
    return _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
  }
};

}  // namespace
}  // namespace vit::kernels::avx2
