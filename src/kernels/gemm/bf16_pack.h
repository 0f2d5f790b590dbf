// Operands in bfloat16, one, a pair or a triple for each value. For sources that are compiled with
// -mavx512bf16.
//
// The unit is a block of 16 × 16 pairs of values of k, 32 bits each. With a row of 16 columns for
// each pair it is half a line of a panel; turned over, it is a line of a tile of rows.
#pragma once

#include "kernels/gemm/narrow_rows.h"
#include "kernels/vector/bf16.h"

namespace vit::kernels::bf16 {
namespace {

/// Of blocks of values the nearest bfloat16, and those of what is left of them.
template <int Count>
using Blocks = __m512i[Count][kSide];

/// Values of k one above the other, as row `g`: `even` and `odd`.
template <int Count>
VIT_INLINE void split_columns(__m512 even, __m512 odd, int g, Blocks<Count>& out) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000U));
  VIT_UNROLL
  for (int part = 0; part < Count; ++part) {
    const __m512i near = out[part][g] = interleaved(even, odd);
    even = _mm512_sub_ps(even, _mm512_castsi512_ps(_mm512_slli_epi32(near, 16)));
    odd = _mm512_sub_ps(odd, _mm512_castsi512_ps(_mm512_and_epi32(near, upper)));
  }
}

/// Of values of k side by side the nearest bfloat16; what is left stays.
VIT_INLINE __m512i take_row(__m512& low, __m512& high) {
  const auto widened = [](__m256i half) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  };
  const __m512i near = joined(low, high);
  low = _mm512_sub_ps(low, widened(_mm512_castsi512_si256(near)));
  high = _mm512_sub_ps(high, widened(_mm512_extracti64x4_epi64(near, 1)));
  return near;
}

/// Rows from `x` on to tiles `[tile_begin, tile_end)`, 32 values at a time.
template <int Count>
void pack_rows(const float* x, std::int64_t ld, const PackedRows& out, int tile_begin,
               int tile_end) {
  const auto first = tile_begin * kNarrowRows;
  const int last = tile_end * kNarrowRows < out.rows ? tile_end * kNarrowRows : out.rows;
  for (int row = first; row < last; ++row, x += ld) {
    auto* to = narrow_row(out, row);
    for (int k = 0; k < out.k; k += 2 * kSide, to += Count * kBlockBytes) {
      __m512 low = load_part(x + k, out.columns - k);
      __m512 high = load_part(x + k + kSide, out.columns - k - kSide);
      VIT_UNROLL
      for (int part = 0; part < Count; ++part)
        _mm512_storeu_si512(to + part * kBlockBytes, take_row(low, high));
    }
  }
}

/// 16 columns of the 32 rows from `x` on, of which `left` are there: a block with a row a pair.
template <int Count>
VIT_INLINE void load_columns(const float* x, std::int64_t ld, std::int64_t left,
                             Blocks<Count>& out) {
  VIT_UNROLL
  for (int g = 0; g < kSide; ++g) {
    const __m512 even = 2 * g < left ? _mm512_loadu_ps(x + 2 * g * ld) : _mm512_setzero_ps();
    const __m512 odd =
        2 * g + 1 < left ? _mm512_loadu_ps(x + (2 * g + 1) * ld) : _mm512_setzero_ps();
    split_columns<Count>(even, odd, g, out);
  }
}

template <int Count>
void pack_rows_transposed(const float* x, std::int64_t ld, std::int64_t k, const PackedRows& out) {
  const int lines = out.k / 32;
  auto* to = reinterpret_cast<std::byte*>(out.data);
  for (int t = 0; t < out.tiles; ++t)
    for (int line = 0; line < lines; ++line, to += Count * kBlockBytes) {
      Blocks<Count> blocks;
      load_columns<Count>(x + line * 32 * ld + t * kSide, ld, k - line * 32, blocks);
      for (int part = 0; part < Count; ++part)
        store_turned(blocks[part], to + part * kBlockBytes, kLineBytes);
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
        Blocks<Count> blocks;
        load_columns<Count>(x + line * 32 * ld + column, ld, column < weight.n ? k - line * 32 : 0,
                            blocks);
        auto* to = half_line<Count>(weight, data, panel, line, half);
        for (int part = 0; part < Count; ++part)
          store_block(blocks[part], to + 2 * part * kBlockBytes);
      }
}

template <int Count>
void pack_weight(const PackedWeight& weight, std::int64_t k, std::int64_t first, std::int64_t count,
                 const float* const* rows, std::byte* data) {
  for (std::int64_t n = 0; n < count; n += kSide)
    for (int line = 0; line < weight.k / 32; ++line) {
      Blocks<Count> blocks;
      VIT_UNROLL
      for (int i = 0; i < kSide; ++i) {
        const float* row = rows[n + i];
        const auto left = row != nullptr ? k - line * 32 : 0;
        const float* from = row + line * 32;
        __m512 low = load_part(from, left), high = load_part(from + kSide, left - kSide);
        VIT_UNROLL
        for (int part = 0; part < Count; ++part) blocks[part][i] = take_row(low, high);
      }
      auto* to = half_line<Count>(weight, data, (first + n) / kNarrowColumns, line,
                                  (first + n) % kNarrowColumns / kSide);
      for (int part = 0; part < Count; ++part)
        store_turned(blocks[part], to + 2 * part * kBlockBytes, kLineBytes);
    }
}

}  // namespace
}  // namespace vit::kernels::bf16
