// Operands in bfloat16, one or a pair for each value. For sources that are compiled with
// -mavx512bf16.
//
// The unit is a block of 16 × 16 pairs of values of k, 32 bits each. With a row of 16 columns for
// each pair it is half a line of a panel; turned over, it is a line of a tile of rows.
#pragma once

#include "kernels/gemm/narrow_rows.h"
#include "kernels/vector/bf16.h"

namespace vit::kernels::bf16 {
namespace {

/// The nearest bfloat16 of 32 values, and that of what is left of them.
struct Parts {
  __m512i near, rest;
};

/// Values of k one above the other: `even` and `odd`.
template <int Count>
VIT_INLINE Parts parts_of_columns(__m512 even, __m512 odd) {
  Parts parts;
  parts.near = parts.rest = interleaved(even, odd);
  if constexpr (Count == 2) {
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000U));
    const __m512 low = _mm512_castsi512_ps(_mm512_slli_epi32(parts.near, 16));
    const __m512 high = _mm512_castsi512_ps(_mm512_and_epi32(parts.near, upper));
    parts.rest = interleaved(_mm512_sub_ps(even, low), _mm512_sub_ps(odd, high));
  }
  return parts;
}

/// Values of k side by side.
template <int Count>
VIT_INLINE Parts parts_of_row(__m512 low, __m512 high) {
  Parts parts;
  parts.near = parts.rest = joined(low, high);
  if constexpr (Count == 2) {
    const auto widened = [](__m256i half) {
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
    };
    const __m512 first = widened(_mm512_castsi512_si256(parts.near));
    const __m512 second = widened(_mm512_extracti64x4_epi64(parts.near, 1));
    parts.rest = joined(_mm512_sub_ps(low, first), _mm512_sub_ps(high, second));
  }
  return parts;
}

/// 16 columns of the 32 rows from `x` on, of which `left` are there: a block with a row a pair.
template <int Count>
VIT_INLINE void load_columns(const float* x, std::int64_t ld, std::int64_t left,
                             __m512i (&near)[kSide], __m512i (&rest)[kSide]) {
  VIT_UNROLL
  for (int g = 0; g < kSide; ++g) {
    const __m512 even = 2 * g < left ? _mm512_loadu_ps(x + 2 * g * ld) : _mm512_setzero_ps();
    const __m512 odd =
        2 * g + 1 < left ? _mm512_loadu_ps(x + (2 * g + 1) * ld) : _mm512_setzero_ps();
    const auto parts = parts_of_columns<Count>(even, odd);
    near[g] = parts.near;
    rest[g] = parts.rest;
  }
}

template <int Count>
void pack_rows_transposed(const float* x, std::int64_t ld, std::int64_t k, const PackedRows& out) {
  const int lines = out.k / 32;
  auto* to = reinterpret_cast<std::byte*>(out.data);
  for (int t = 0; t < out.tiles; ++t)
    for (int line = 0; line < lines; ++line, to += Count * kBlockBytes) {
      __m512i near[kSide], rest[kSide];
      load_columns<Count>(x + line * 32 * ld + t * kSide, ld, k - line * 32, near, rest);
      store_turned(near, to, kLineBytes);
      if constexpr (Count == 2) store_turned(rest, to + kBlockBytes, kLineBytes);
    }
}

/// Rows, rows of the transpose and sums of columns, 32 rows by 16 columns at a time.
VIT_INLINE void pack_both_ways(const float* x, std::int64_t ld, const PackedRows& rows,
                               const PackedRows& transposed, float* sums) {
  for (int line = 0; line < transposed.k / 32; ++line)
    for (int t = 0; t < transposed.tiles; ++t) {
      const auto first = std::int64_t{line} * 32, left = rows.rows - first;
      const float* from = x + first * ld + t * kSide;
      __m512 sum = _mm512_loadu_ps(sums + t * kSide);
      __m512i block[kSide];
      VIT_UNROLL
      for (int g = 0; g < kSide; ++g) {
        const __m512 even = 2 * g < left ? _mm512_loadu_ps(from + 2 * g * ld) : _mm512_setzero_ps();
        const __m512 odd =
            2 * g + 1 < left ? _mm512_loadu_ps(from + (2 * g + 1) * ld) : _mm512_setzero_ps();
        sum = _mm512_add_ps(_mm512_add_ps(sum, even), odd);
        const __m512i both = joined(even, odd);
        block[g] = halves_interleaved(both);
        // Two rows of a tile, which has room for rows beyond the last.
        if (2 * g < left) {
          auto* to = narrow_at(rows, static_cast<int>(first) + 2 * g, t * kSide);
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(both));
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + kLineBytes),
                              _mm512_extracti64x4_epi64(both, 1));
        }
      }
      _mm512_storeu_ps(sums + t * kSide, sum);
      auto* to = reinterpret_cast<std::byte*>(transposed.data) +
                 (static_cast<std::int64_t>(t) * (transposed.k / 32) + line) * kBlockBytes;
      store_turned(block, to, kLineBytes);
    }
  // The rest of the last line of columns.
  if (rows.columns == rows.k) return;
  for (int row = 0; row < rows.rows; ++row)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(narrow_at(rows, row, rows.columns)),
                        _mm256_setzero_si256());
}

/// Where a panel's line has half of its columns.
template <int Count>
VIT_INLINE std::byte* half_line(const PackedWeight& weight, std::byte* data, std::int64_t panel,
                                std::int64_t line, std::int64_t half) {
  return data + ((panel * (weight.k / 32) + line) * Count * 2 + half) * kBlockBytes;
}

template <int Count>
void pack_weight_transposed(const PackedWeight& weight, const float* x, std::int64_t ld,
                            std::int64_t k, int panel_begin, int panel_end, std::byte* data) {
  for (int panel = panel_begin; panel < panel_end; ++panel)
    for (int line = 0; line < weight.k / 32; ++line)
      for (int half = 0; half < 2; ++half) {
        const int column = panel * kNarrowColumns + half * kSide;
        __m512i near[kSide], rest[kSide];
        load_columns<Count>(x + line * 32 * ld + column, ld, column < weight.n ? k - line * 32 : 0,
                            near, rest);
        auto* to = half_line<Count>(weight, data, panel, line, half);
        store_block(near, to);
        if constexpr (Count == 2) store_block(rest, to + 2 * kBlockBytes);
      }
}

template <int Count>
void pack_weight(const PackedWeight& weight, std::int64_t k, std::int64_t first, std::int64_t count,
                 const float* const* rows, std::byte* data) {
  for (std::int64_t n = 0; n < count; n += kSide)
    for (int line = 0; line < weight.k / 32; ++line) {
      __m512i near[kSide], rest[kSide];
      VIT_UNROLL
      for (int i = 0; i < kSide; ++i) {
        const float* row = rows[n + i];
        const auto left = row != nullptr ? k - line * 32 : 0;
        const float* from = row + line * 32;
        const auto parts =
            parts_of_row<Count>(load_part(from, left), load_part(from + kSide, left - kSide));
        near[i] = parts.near;
        rest[i] = parts.rest;
      }
      auto* to = half_line<Count>(weight, data, (first + n) / kNarrowColumns, line,
                                  (first + n) % kNarrowColumns / kSide);
      store_turned(near, to, kLineBytes);
      if constexpr (Count == 2) store_turned(rest, to + 2 * kBlockBytes, kLineBytes);
    }
}

}  // namespace
}  // namespace vit::kernels::bf16
