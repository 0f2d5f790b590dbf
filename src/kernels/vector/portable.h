// Vectors of the compiler's own (x86-64-v2's registers hold four floats). What each function means
// is said here for all levels.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/vector/inline.h"

namespace vit::kernels::portable {
namespace {

typedef float FourFloats __attribute__((vector_size(16)));  // NOLINT: as VectorOf's

/// Four rows of four columns to four columns.
VIT_INLINE void turn_square(const void* rows, float* out) {
  FourFloats r[4];
  std::memcpy(r, rows, sizeof r);
  const FourFloats a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
  const FourFloats b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  const FourFloats c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  const FourFloats d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  const FourFloats columns[] = {
      __builtin_shufflevector(a, b, 0, 1, 4, 5), __builtin_shufflevector(a, b, 2, 3, 6, 7),
      __builtin_shufflevector(c, d, 0, 1, 4, 5), __builtin_shufflevector(c, d, 2, 3, 6, 7)};
  std::memcpy(out, columns, sizeof columns);
}

/// `W` floats in a register. Tiles of matrix products have `R` rows. Other widths than four are
/// for tests of the shapes that wider levels have.
template <int W, int R>
struct VectorOf {
  typedef float Reg __attribute__((vector_size(4 * W)));  // NOLINT: `using` cannot depend on W
  typedef std::int32_t Bits __attribute__((vector_size(4 * W)));  // NOLINT
  static constexpr int kWidth = W;
  static constexpr int kRows = R;

  static VIT_INLINE Reg set1(float x) { return Reg{} + x; }
  static VIT_INLINE Reg zero() { return Reg{}; }
  static VIT_INLINE Reg load(const float* p) {
    Reg x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  /// The upper halves of floats.
  static VIT_INLINE Reg load_bf16(const std::uint16_t* p) {
    std::uint32_t lanes[W];
    for (int i = 0; i < W; ++i) lanes[i] = std::uint32_t{p[i]} << 16U;
    Reg x;
    std::memcpy(&x, lanes, sizeof x);
    return x;
  }
  /// 32-bit integers.
  static VIT_INLINE Reg load_int32(const std::int32_t* p) {
    float lanes[W];
    for (int i = 0; i < W; ++i) lanes[i] = static_cast<float>(p[i]);
    return load(lanes);
  }
  static VIT_INLINE void store(float* p, Reg x) { std::memcpy(p, &x, sizeof x); }
  /// The nearest bfloat16, the even one of two. Not a number remains so.
  static VIT_INLINE Reg to_bf16(Reg x) {
    const Bits odd = (bits(x) >> 16) & 1;
    const Bits rounded = (bits(x) + odd + 0x7fff) & static_cast<std::int32_t>(0xffff0000U);
    return x == x ? reinterpret_cast<Reg>(rounded) : x;  // NOLINT(misc-redundant-expression): NaN
  }
  /// The upper halves of floats.
  static VIT_INLINE void store_bf16(std::uint16_t* p, Reg x) {
    std::uint32_t lanes[W];
    std::memcpy(lanes, &x, sizeof lanes);
    for (int i = 0; i < W; ++i) p[i] = static_cast<std::uint16_t>(lanes[i] >> 16U);
  }
  /// The nearest bfloat16 of floats. A level with an instruction for it makes 0 of magnitudes below
  /// 2^-126.
  static VIT_INLINE void store_near_bf16(std::uint16_t* p, Reg x) { store_bf16(p, to_bf16(x)); }
  /// The nearest whole numbers, of values from -0.5 to 255.5; not a number becomes one of them.
  static VIT_INLINE void store_uint8(std::uint8_t* p, Reg x) {
    const Reg whole = x + set1(12582912.0F);  // 1.5 * 2^23: rounds to a whole number
    std::uint32_t lanes[W];
    std::memcpy(lanes, &whole, sizeof lanes);
    for (int i = 0; i < W; ++i) p[i] = static_cast<std::uint8_t>(lanes[i]);
  }
  static VIT_INLINE Reg add(Reg a, Reg b) { return a + b; }
  static VIT_INLINE Reg sub(Reg a, Reg b) { return a - b; }
  static VIT_INLINE Reg mul(Reg a, Reg b) { return a * b; }
  static VIT_INLINE Reg div(Reg a, Reg b) { return a / b; }
  /// a * b + c, with one rounding where the level has an instruction for it.
  static VIT_INLINE Reg fma(Reg a, Reg b, Reg c) { return a * b + c; }
  static VIT_INLINE Reg max(Reg a, Reg b) { return a > b ? a : b; }
  static VIT_INLINE Reg min(Reg a, Reg b) { return a < b ? a : b; }
  static VIT_INLINE Reg abs(Reg a) { return reinterpret_cast<Reg>(bits(a) & 0x7fffffff); }
  /// The size of `a`, the sign of `b`.
  static VIT_INLINE Reg copysign(Reg a, Reg b) {
    return reinterpret_cast<Reg>((bits(a) & 0x7fffffff) | (bits(b) & INT32_MIN));
  }
  /// Lane by lane: a < b ? x : y.
  static VIT_INLINE Reg where_less(Reg a, Reg b, Reg x, Reg y) { return a < b ? x : y; }
  /// p * 2^n, where the lowest bits of `n` hold a whole number (a float plus 1.5 * 2^23).
  static VIT_INLINE Reg scale_exponent(Reg p, Reg n) {
    return reinterpret_cast<Reg>(bits(p) + (bits(n) << 23));
  }
  /// The first `count` lanes; the others become zero.
  static VIT_INLINE Reg keep(Reg a, int count) {
    float lanes[W];
    store(lanes, a);
    for (int i = 0; i < W; ++i) lanes[i] = i < count ? lanes[i] : 0.0F;
    return load(lanes);
  }
  static VIT_INLINE float sum(Reg a) {
    float lanes[W];
    store(lanes, a);
    for (int i = 1; i < W; ++i) lanes[0] += lanes[i];
    return lanes[0];
  }
  static VIT_INLINE float maximum(Reg a) {
    float lanes[W];
    store(lanes, a);
    for (int i = 1; i < W; ++i) lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
    return lanes[0];
  }
  /// `R` rows of `W` columns to `W` columns of `R` rows, one after the other.
  static VIT_INLINE void store_columns(const Reg (&rows)[R], float* out) {
    if constexpr (R == 4 && W == 4) return turn_square(&rows[0], out);
    float lanes[R][W];
    for (int r = 0; r < R; ++r) store(lanes[r], rows[r]);
    for (int c = 0; c < W; ++c)
      for (int r = 0; r < R; ++r) out[c * R + r] = lanes[r][c];
  }
  /// Towards the first or the second cache level.
  static VIT_INLINE void prefetch_near(const void* p) { __builtin_prefetch(p, 0, 3); }
  static VIT_INLINE void prefetch_far(const void* p) { __builtin_prefetch(p, 0, 2); }

 private:
  static VIT_INLINE Bits bits(Reg a) { return reinterpret_cast<Bits>(a); }
};

using Vector = VectorOf<4, 4>;

}  // namespace
}  // namespace vit::kernels::portable
