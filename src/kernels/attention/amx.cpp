// Attention of one head in bfloat16 by AMX; sums, softmax and what comes out are float32.
#include "kernels/vector/amx.h"

#include <immintrin.h>

#include "kernels/attention/bf16_layout.h"
#include "kernels/attention/levels.h"
#include "kernels/gemm/narrow_rows.h"
#include "kernels/vector/avx512.h"
#include "kernels/vector/bf16.h"

namespace vit::kernels::amx {
namespace {

using V = avx512::Vector;
using bf16::exp2_of_negative;
using bf16::load_part;

constexpr int kLine = 64;  // bytes

/// 32 values of a row, zeros beyond `left`, times `factor`, in bfloat16.
VIT_INLINE __m512i load_line(const float* row, int left, __m512 factor) {
  return bf16::joined(V::mul(load_part(row, left), factor),
                      V::mul(load_part(row + 16, left - 16), factor));
}

struct Loops {
  static constexpr float kLog2E = 1.44269504088896341F;

  const AttentionCall& call;
  int head;
  const Bf16AttentionLayout layout = bf16_attention_layout(call.keys, call.d, call.dv);

  VIT_INLINE const float* row_of(const HeadRows& rows, std::int64_t row) const {
    return rows.data + row * rows.ld + head * rows.head;
  }
  VIT_INLINE float* part(std::int64_t offset) const { return call.scratch + offset; }
  static VIT_INLINE std::byte* tile_of(float* part, int tile, int lines, int line) {
    return reinterpret_cast<std::byte*>(part + (tile * lines + line) * kTileFloats);
  }

  /// Asks for rows that come soon: they stand far apart, where the processor does not foresee them.
  VIT_INLINE void prefetch(const HeadRows& from, int row, int columns) const {
    if (row >= call.keys) return;
    for (int c = 0; c < columns; c += V::kWidth) V::prefetch_near(row_of(from, row) + c);
  }

  /// [key tile][line of d]: pairs of d, for each key.
  void pack_keys() const {
    const __m512 one = V::set1(1.0F);
    for (int t = 0; t < layout.key_tiles; ++t)
      for (int line = 0; line < layout.d_lines; ++line) {
        __m512i rows[kTileRows];
        VIT_UNROLL
        for (int i = 0; i < kTileRows; ++i) {
          const int key = t * kTileRows + i;
          if (line == 0) prefetch(call.k, key + kTileRows, call.d);
          rows[i] = key < call.keys ? load_line(row_of(call.k, key) + line * kTileValues,
                                                call.d - line * kTileValues, one)
                                    : _mm512_setzero_si512();
        }
        bf16::store_turned(rows, tile_of(part(layout.k), t, layout.d_lines, line), kLine);
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

  void pack_queries(int tile) const {
    const __m512 factor = V::set1(call.scale * kLog2E);
    for (int i = 0; i < kTileRows; ++i) {
      const int query = tile * kTileRows + i;
      for (int line = 0; line < layout.d_lines; ++line)
        _mm512_storeu_si512(tile_of(part(layout.q), 0, 0, line) + i * kLine,
                            query < call.queries
                                ? load_line(row_of(call.q, query) + line * kTileValues,
                                            call.d - line * kTileValues, factor)
                                : _mm512_setzero_si512());
    }
  }

  /// out[16][ld] = a · b for a tile of a and `Columns` tiles of b, which are as many bytes apart as
  /// each has lines.
  template <int Columns>
  static VIT_INLINE void multiply(const std::byte* a, const std::byte* b, int lines, float* out,
                                  int ld) {
    const auto tile_bytes = static_cast<std::size_t>(lines) * kTileRows * kLine;
    clear_tile<0>();
    if constexpr (Columns > 1) clear_tile<1>();
    if constexpr (Columns > 2) clear_tile<2>();
    if constexpr (Columns > 3) clear_tile<3>();
    for (int line = 0; line < lines; ++line, a += kTileRows * kLine, b += kTileRows * kLine) {
      load_tile<4>(a, kLine);
      load_tile<5>(b, kLine);
      add_product_of_bf16<0, 4, 5>();
      if constexpr (Columns > 1) {
        load_tile<6>(b + tile_bytes, kLine);
        add_product_of_bf16<1, 4, 6>();
      }
      if constexpr (Columns > 2) {
        load_tile<7>(b + 2 * tile_bytes, kLine);
        add_product_of_bf16<2, 4, 7>();
      }
      if constexpr (Columns > 3) {
        load_tile<5>(b + 3 * tile_bytes, kLine);
        add_product_of_bf16<3, 4, 5>();
      }
    }
    const auto stride = static_cast<std::size_t>(ld) * sizeof(float);
    store_tile<0>(out, stride);
    if constexpr (Columns > 1) store_tile<1>(out + kTileRows, stride);
    if constexpr (Columns > 2) store_tile<2>(out + 2 * kTileRows, stride);
    if constexpr (Columns > 3) store_tile<3>(out + 3 * kTileRows, stride);
  }

  /// For all tiles of b, four at a time.
  void multiply_all(std::int64_t a, std::int64_t b, int b_tiles, int lines, std::int64_t out,
                    int ld) const {
    const auto* rows = reinterpret_cast<const std::byte*>(part(a));
    for (int t = 0; t < b_tiles; t += 4) {
      const auto* columns = tile_of(part(b), t, lines, 0);
      float* to = part(out) + t * kTileRows;
      switch (b_tiles - t) {
        case 1:
          multiply<1>(rows, columns, lines, to, ld);
          break;
        case 2:
          multiply<2>(rows, columns, lines, to, ld);
          break;
        case 3:
          multiply<3>(rows, columns, lines, to, ld);
          break;
        default:
          multiply<4>(rows, columns, lines, to, ld);
      }
    }
  }

  /// Scores of keys k …; those beyond the last key become 0.
  VIT_INLINE __m512 scores_of(const float* scores, int k) const {
    const int left = call.keys - k;
    const __m512 x = V::load(scores + k);
    if (left >= V::kWidth) return x;
    const auto beyond = static_cast<__mmask16>(left > 0 ? 0xffffU << left : 0xffffU);
    return _mm512_mask_mov_ps(x, beyond, V::set1(-1e30F));
  }

  /// Weights without their division by their sum, as the left operand of the next product. Returns
  /// one over the sum.
  VIT_INLINE float softmax(int row) const {
    const float* scores = part(layout.scores) + row * layout.span;
    __m512 most = scores_of(scores, 0);
    for (int k = V::kWidth; k < call.keys; k += V::kWidth)
      most = V::max(most, scores_of(scores, k));
    most = V::set1(V::maximum(most));
    __m512 total = V::zero();
    auto* out = tile_of(part(layout.weights), 0, 0, 0) + row * kLine;
    for (int k = 0; k < layout.span; k += kTileValues, out += kTileRows * kLine) {
      const __m512 low = exp2_of_negative(V::sub(scores_of(scores, k), most));
      const __m512 high = exp2_of_negative(V::sub(scores_of(scores, k + V::kWidth), most));
      total = V::add(total, V::add(low, high));
      _mm512_storeu_si512(out, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
    return 1.0F / V::sum(total);
  }

  VIT_INLINE void write(int query, const float* out, float inverse) const {
    const __m512 factor = V::set1(inverse);
    const int first = head * call.dv;
    if (call.packed.data == nullptr) {
      float* row = call.rows + query * call.ld + first;
      for (int c = 0; c < call.dv; c += V::kWidth) {
        const int left = call.dv - c;
        const auto there = static_cast<__mmask16>(left >= V::kWidth ? 0xffffU : (1U << left) - 1U);
        _mm512_mask_storeu_ps(row + c, there, V::mul(V::load(out + c), factor));
      }
      return;
    }
    if (call.dv % kTileValues == 0 && call.packed.format == RowFormat::kBf16) {
      auto* to = narrow_at(call.packed, query, first);
      for (int c = 0; c < call.dv; c += kTileValues, to += kTileRows * kLine)
        _mm512_storeu_si512(
            to, (__m512i)_mm512_cvtne2ps_pbh(V::mul(V::load(out + c + V::kWidth), factor),
                                             V::mul(V::load(out + c), factor)));
      return;
    }
    const NarrowWriter<V> writer(call.packed);
    if (call.dv % V::kWidth == 0) {
      for (int c = 0; c < call.dv; c += V::kWidth)
        writer.put(narrow_at(call.packed, query, first + c), V::mul(V::load(out + c), factor));
      return;
    }
    for (int c = 0; c < call.dv; ++c)
      writer.put_one(narrow_at(call.packed, query, first + c), out[c] * inverse);
  }

  void run(int tile_begin, int tile_end) const {
    pack_keys();
    pack_values();
    configure_tiles();
    for (int tile = tile_begin; tile < tile_end; ++tile) {
      pack_queries(tile);
      multiply_all(layout.q, layout.k, layout.key_tiles, layout.d_lines, layout.scores,
                   layout.span);
      const int left = call.queries - tile * kTileRows, rows = left < kTileRows ? left : kTileRows;
      float inverse[kTileRows];
      for (int r = 0; r < rows; ++r) inverse[r] = softmax(r);
      multiply_all(layout.weights, layout.v, layout.v_tiles, layout.key_lines, layout.out,
                   layout.width);
      for (int r = 0; r < rows; ++r)
        write(tile * kTileRows + r, part(layout.out) + r * layout.width, inverse[r]);
    }
    release_tiles();
  }
};

}  // namespace

void attention(const AttentionCall& call, int head, int tile_begin, int tile_end) {
  Loops{call, head}.run(tile_begin, tile_end);
}

}  // namespace vit::kernels::amx
