// Attention of one head in bfloat16 by AMX; sums, softmax and what comes out are float32.
#include "kernels/vector/amx.h"

#include <immintrin.h>

#include <cmath>

#include "kernels/attention/bf16_layout.h"
#include "kernels/attention/levels.h"
#include "kernels/gemm/narrow_rows.h"
#include "kernels/vector/bf16.h"

namespace vit::kernels::amx {
namespace {

using V = bf16::Vector;
using bf16::exp2_of_negative;
using bf16::load_part;

constexpr int kLine = 64;  // bytes

/// 32 values of a row, zeros beyond `left`, in bfloat16.
VIT_INLINE __m512i load_line(const float* row, int left) {
  return bf16::joined(load_part(row, left), load_part(row + 16, left - 16));
}

struct Loops {
  static constexpr float kLog2E = 1.44269504088896341F;

  const AttentionCall& call;
  int head;
  const Bf16AttentionLayout layout = packed() ? packed_attention_layout(call.keys, call.d)
                                              : bf16_attention_layout(call.keys, call.d, call.dv);
  /// Values of other heads before this one's in its first line of packed rows, and the lines that
  /// hold some of its own.
  const int columns_before = packed() ? head * call.dv % kTileValues : 0;
  const int head_lines = (columns_before + call.dv + kTileValues - 1) / kTileValues;

  VIT_INLINE const float* row_of(const HeadRows& rows, std::int64_t row) const {
    return rows.data + row * rows.ld + rows.column(head);
  }
  VIT_INLINE float* part(std::int64_t offset) const { return call.scratch + offset; }
  static VIT_INLINE std::byte* tile_of(float* part, int tile, int lines, int line) {
    return reinterpret_cast<std::byte*>(part + (tile * lines + line) * kTileFloats);
  }

  static VIT_INLINE std::size_t tile_bytes(int lines) {
    return static_cast<std::size_t>(lines) * kTileRows * kLine;
  }

  /// Asks for rows that come soon: they stand far apart, where the processor does not foresee them.
  VIT_INLINE void prefetch(const HeadRows& from, int row, int columns) const {
    if (row >= call.keys) return;
    for (int c = 0; c < columns; c += V::kWidth) V::prefetch_near(row_of(from, row) + c);
  }

  /// The first line of a head in packed rows; the others follow a tile's line apart.
  VIT_INLINE const std::byte* lines_of(const HeadRows& rows, int row) const {
    return narrow_at(rows.packed, row,
                     static_cast<int>(rows.first + rows.column(head)) - columns_before);
  }
  /// This head's values in a line of packed rows.
  VIT_INLINE __mmask32 own_values(int line) const {
    const int begin = columns_before - line * kTileValues, end = begin + call.dv;
    const auto below = [](int n) {
      return n <= 0 ? 0U : n >= kTileValues ? ~0U : (1U << static_cast<unsigned>(n)) - 1U;
    };
    return below(end) & ~below(begin);
  }
  VIT_INLINE bool packed() const { return call.q.packed.data != nullptr; }

  /// [key tile][line of d]: pairs of d, for each key.
  void pack_keys() const {
    for (int t = 0; t < layout.key_tiles; ++t)
      for (int line = 0; line < layout.d_lines; ++line) {
        __m512i rows[kTileRows];
        VIT_UNROLL
        for (int i = 0; i < kTileRows; ++i) {
          const int key = t * kTileRows + i;
          if (line == 0) prefetch(call.k, key + kTileRows, call.d);
          rows[i] = key < call.keys ? load_line(row_of(call.k, key) + line * kTileValues,
                                                call.d - line * kTileValues)
                                    : _mm512_setzero_si512();
        }
        bf16::store_turned(rows, tile_of(part(layout.k), t, layout.d_lines, line), kLine);
      }
  }

  /// The same of packed rows, which hold anything beyond the last key: its scores count for
  /// nothing. Other heads' values become zero: the queries' lines contain
  /// them too.
  void turn_keys() const {
    for (int t = 0; t < layout.key_tiles; ++t) {
      const auto* from = lines_of(call.k, t * kTileRows);
      const bool more = t + 1 < layout.key_tiles;
      const auto* next = more ? lines_of(call.k, (t + 1) * kTileRows) : from;
      for (int line = 0; line < head_lines; ++line) {
        const auto own = own_values(line);
        __m512i rows[kTileRows];
        VIT_UNROLL
        for (int i = 0; i < kTileRows; ++i) {
          rows[i] = _mm512_maskz_loadu_epi16(own, from + i * kLine);
          V::prefetch_near(next + i * kLine);
        }
        bf16::store_turned(rows, tile_of(part(layout.k), t, layout.d_lines, line), kLine);
        from += kTileRows * kLine;
        next += kTileRows * kLine;
      }
    }
  }

  /// [column tile][line of keys]: pairs of keys, for each column.
  void pack_values() const {
    for (int pair = 0; 2 * pair < layout.span; ++pair) {
      const int key = 2 * pair;
      for (int i = 0; i < 2; ++i) prefetch(call.v, key + i + kTileRows, call.dv);
      for (int t = 0; t < layout.v_tiles; ++t) {
        const int first = t * kTileRows, left = call.dv - first;
        const __m512 even = load_part(row_of(call.v, key) + first, key < call.keys ? left : 0);
        const __m512 odd =
            load_part(row_of(call.v, key + 1) + first, key + 1 < call.keys ? left : 0);
        _mm512_storeu_si512(
            tile_of(part(layout.v), t, layout.key_lines, key / kTileValues) + pair % 16 * kLine,
            bf16::interleaved(even, odd));
      }
    }
  }

  /// The same of packed rows. Other heads' values remain; nobody reads their sums.
  void pair_values() const {
    for (int pair = 0; 2 * pair < layout.span; ++pair) {
      const int key = 2 * pair;
      auto* to = tile_of(part(layout.v), 0, 0, key / kTileValues) + pair % 16 * kLine;
      const auto column_bytes = static_cast<std::size_t>(layout.key_lines) * kTileRows * kLine;
      const auto* from = key < call.keys ? lines_of(call.v, key) : nullptr;
      for (int line = 0; line < head_lines; ++line, to += 2 * column_bytes) {
        __m512i even = _mm512_setzero_si512(), odd = even;
        if (from != nullptr) {
          even = _mm512_loadu_si512(from);
          if (key + 1 < call.keys) odd = _mm512_loadu_si512(from + kLine);
          from += kTileRows * kLine;
        }
        _mm512_storeu_si512(
            to, bf16::interleaved(_mm512_castsi512_si256(even), _mm512_castsi512_si256(odd)));
        _mm512_storeu_si512(to + column_bytes,
                            bf16::interleaved(_mm512_extracti64x4_epi64(even, 1),
                                              _mm512_extracti64x4_epi64(odd, 1)));
      }
    }
  }

  /// A tile of queries, as the `place`-th of those that are worked on together.
  void pack_queries(int tile, int place) const {
    for (int i = 0; i < kTileRows; ++i) {
      const int query = tile * kTileRows + i;
      for (int line = 0; line < layout.d_lines; ++line)
        _mm512_storeu_si512(
            tile_of(part(layout.q), place, layout.d_lines, line) + i * kLine,
            query < call.queries
                ? load_line(row_of(call.q, query) + line * kTileValues, call.d - line * kTileValues)
                : _mm512_setzero_si512());
    }
  }

  /// One factor of a product: tiles of [line], `tile` bytes from one to the next.
  struct Operand {
    const std::byte* data;
    std::size_t tile;
  };

  /// out[16 Rows][ld] = a · b for some tiles of a and of b: up to four sums, a's tiles, and b's in
  /// two registers in turn.
  template <int Rows, int Columns>
  static VIT_INLINE void multiply(Operand a, Operand b, int lines, float* out, int ld) {
    static_assert(Rows * Columns <= 4 && Rows <= 2);
    clear_tile<0>();
    if constexpr (Rows * Columns > 1) clear_tile<1>();
    if constexpr (Rows * Columns > 2) clear_tile<2>();
    if constexpr (Rows * Columns > 3) clear_tile<3>();
    for (int line = 0; line < lines; ++line) {
      load_tile<4>(a.data, kLine);
      if constexpr (Rows > 1) load_tile<5>(a.data + a.tile, kLine);
      add_column<Rows, 0>(b);
      if constexpr (Columns > 1) add_column<Rows, 1>(b);
      if constexpr (Columns > 2) add_column<Rows, 2>(b);
      if constexpr (Columns > 3) add_column<Rows, 3>(b);
      a.data += kTileRows * kLine;
      b.data += kTileRows * kLine;
    }
    const auto stride = static_cast<std::size_t>(ld) * sizeof(float);
    store_tile<0>(out, stride);
    if constexpr (Rows > 1) store_tile<1>(out + kTileRows * ld, stride);
    constexpr int kNext = Rows;  // the second column's first sum
    if constexpr (Columns > 1) store_tile<kNext>(out + kTileRows, stride);
    if constexpr (Columns > 1 && Rows > 1) store_tile<3>(out + kTileRows * ld + kTileRows, stride);
    if constexpr (Columns > 2) store_tile<2>(out + 2 * kTileRows, stride);
    if constexpr (Columns > 3) store_tile<3>(out + 3 * kTileRows, stride);
  }

  template <int Rows, int Column>
  static VIT_INLINE void add_column(const Operand& b) {
    constexpr int kTile = 6 + Column % 2;
    load_tile<kTile>(b.data + Column * b.tile, kLine);
    add_product_of_bf16<Rows * Column, 4, kTile>();
    if constexpr (Rows > 1) add_product_of_bf16<Rows * Column + 1, 5, kTile>();
  }

  /// For all tiles of b, as many at a time as there are sums for.
  template <int Rows>
  static void multiply_all(Operand a, Operand b, int b_tiles, int lines, float* out, int ld) {
    constexpr int kMost = 4 / Rows;
    const auto from = [&](int t) {
      return Operand{b.data + static_cast<std::size_t>(t) * b.tile, b.tile};
    };
    int t = 0;
    for (; t + kMost <= b_tiles; t += kMost)
      multiply<Rows, kMost>(a, from(t), lines, out + t * kTileRows, ld);
    if constexpr (Rows == 1)
      for (; t + 2 <= b_tiles; t += 2)
        multiply<Rows, 2>(a, from(t), lines, out + t * kTileRows, ld);
    if (t < b_tiles) multiply<Rows, 1>(a, from(t), lines, out + t * kTileRows, ld);
  }

  /// Scores of keys k … times `factor`, less `most`; those beyond the last key get a weight of 0.
  VIT_INLINE __m512 exponents(const float* scores, int k, __m512 factor, __m512 most) const {
    return bf16::without_lanes_from(_mm512_fmsub_ps(V::load(scores + k), factor, most),
                                    call.keys - k);
  }

  /// Rows of scores that become weights side by side: the instructions of one wait for each other.
  static constexpr int kRowsTogether = 4;

  VIT_INLINE void find_largest(const float* scores, float (&largest)[kRowsTogether]) const {
    const __m512 least = V::set1(-INFINITY);
    __m512 most[kRowsTogether];
    const auto at = [&](int row, int k) { return V::load(scores + row * layout.span + k); };
    VIT_UNROLL
    for (int r = 0; r < kRowsTogether; ++r) most[r] = least;
    int k = 0;
    for (; k + V::kWidth <= call.keys; k += V::kWidth) VIT_UNROLL
    for (int r = 0; r < kRowsTogether; ++r) most[r] = V::max(most[r], at(r, k));
    const auto there = static_cast<__mmask16>((1U << (call.keys - k)) - 1U);
    VIT_UNROLL
    for (int r = 0; r < kRowsTogether; ++r)
      largest[r] = V::maximum(V::max(most[r], _mm512_mask_mov_ps(least, there, at(r, k))));
  }

  /// Softmax of the scores of kRowsTogether rows times `scale`, without the division by the sum of
  /// weights, as the left operand of the next product; `inverse`: one over each sum.
  VIT_INLINE void softmax(int row, float* inverse) const {
    const float* scores = part(layout.scores) + row * layout.span;
    const __m512 factor = V::set1(call.scale * kLog2E);
    float largest[kRowsTogether];
    find_largest(scores, largest);
    __m512 most[kRowsTogether], total[kRowsTogether];
    VIT_UNROLL
    for (int r = 0; r < kRowsTogether; ++r) {
      most[r] = V::mul(V::set1(largest[r]), factor);
      total[r] = V::zero();
    }
    auto* out = tile_of(part(layout.weights), row / kTileRows, layout.key_lines, 0) +
                row % kTileRows * kLine;
    for (int k = 0; k < layout.span; k += kTileValues, out += kTileRows * kLine) VIT_UNROLL
    for (int r = 0; r < kRowsTogether; ++r) {
      const float* at = scores + r * layout.span;
      const __m512 low = exp2_of_negative(exponents(at, k, factor, most[r]));
      const __m512 high = exp2_of_negative(exponents(at, k + V::kWidth, factor, most[r]));
      total[r] = V::add(total[r], V::add(low, high));
      _mm512_storeu_si512(out + r * kLine, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
    for (int r = 0; r < kRowsTogether; ++r) inverse[r] = 1.0F / V::sum(total[r]);
  }

  VIT_INLINE void write(int query, const float* out, float inverse) const {
    const __m512 factor = V::set1(inverse);
    const int first = head * call.dv;
    // Whether own_values() are the head's in the output too.
    const bool in_lines = packed() || call.dv % kTileValues == 0;
    if (in_lines && call.packed.data != nullptr && call.packed.format == RowFormat::kBf16) {
      auto* to = narrow_at(call.packed, query, first - columns_before);
      for (int line = 0; line < head_lines; ++line, out += kTileValues, to += kTileRows * kLine)
        _mm512_mask_storeu_epi16(
            to, own_values(line),
            (__m512i)_mm512_cvtne2ps_pbh(V::mul(V::load(out + V::kWidth), factor),
                                         V::mul(V::load(out), factor)));
      return;
    }
    out += columns_before;
    if (call.packed.data == nullptr) {
      float* row = call.rows + query * call.ld + first;
      for (int c = 0; c < call.dv; c += V::kWidth) {
        const int left = call.dv - c;
        const auto there = static_cast<__mmask16>(left >= V::kWidth ? 0xffffU : (1U << left) - 1U);
        _mm512_mask_storeu_ps(row + c, there, V::mul(V::load(out + c), factor));
      }
      return;
    }
    NarrowWriter<V>(call.packed).put_values(call.packed, query, first, call.dv, [&](int c) {
      return V::mul(V::load(out + c), factor);
    });
  }

  /// Some tiles of queries.
  template <int Tiles>
  void attend(int tile) const {
    Operand queries{tile_of(part(layout.q), 0, 0, 0), tile_bytes(layout.d_lines)};
    if (packed())
      queries = {lines_of(call.q, tile * kTileRows), tile_bytes(call.q.packed.k / kTileValues)};
    else
      for (int i = 0; i < Tiles; ++i) pack_queries(tile + i, i);
    multiply_all<Tiles>(queries, {tile_of(part(layout.k), 0, 0, 0), tile_bytes(layout.d_lines)},
                        layout.key_tiles, packed() ? head_lines : layout.d_lines,
                        part(layout.scores), layout.span);
    const int left = call.queries - tile * kTileRows;
    const int rows = left < Tiles * kTileRows ? left : Tiles * kTileRows;
    float inverse[Tiles * kTileRows];
    for (int r = 0; r < rows; r += kRowsTogether) softmax(r, inverse + r);
    const auto bytes = tile_bytes(layout.key_lines);
    const int begin = columns_before / kTileRows,
              end = (columns_before + call.dv + kTileRows - 1) / kTileRows;
    multiply_all<Tiles>({tile_of(part(layout.weights), 0, 0, 0), bytes},
                        {tile_of(part(layout.v), begin, layout.key_lines, 0), bytes}, end - begin,
                        layout.key_lines, part(layout.out) + begin * kTileRows, layout.width);
    for (int r = 0; r < rows; ++r)
      write(tile * kTileRows + r, part(layout.out) + r * layout.width, inverse[r]);
  }

  void run(int tile_begin, int tile_end) const {
    if (packed()) {
      turn_keys();
      pair_values();
    } else {
      pack_keys();
      pack_values();
    }
    configure_tiles();
    int tile = tile_begin;
    for (; tile + kQueryTiles <= tile_end; tile += kQueryTiles) attend<kQueryTiles>(tile);
    for (; tile < tile_end; ++tile) attend<1>(tile);
    release_tiles();
  }
};

}  // namespace

void attention(const AttentionCall& call, int head, int tile_begin, int tile_end) {
  Loops{call, head}.run(tile_begin, tile_end);
}

}  // namespace vit::kernels::amx
