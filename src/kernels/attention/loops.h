// Attention of one head over any level's vector: packed products of a few tiles of queries, with
// the softmax between.
#pragma once

#include "kernels/attention/levels.h"
#include "kernels/gemm/narrow_rows.h"
#include "kernels/gemm/tile.h"
#include "kernels/vector/math.h"

namespace vit::kernels {

/// Columns of keys or of values in panels of at most three vectors; the widths differ by one vector
/// at most.
struct AttentionPanels {
  int vectors = 0;
  VIT_INLINE int count() const { return (vectors + kPanelVectors - 1) / kPanelVectors; }
  /// The vector that panel p begins with.
  VIT_INLINE int begin(int p) const { return vectors * p / count(); }
};

/// How one head's scratch is laid out; for the size and for the loops alike.
struct AttentionLayout {
  int span = 0;         ///< keys, whole vectors
  int width = 0;        ///< columns of v, whole vectors
  int query_tiles = 0;  ///< that are worked on together
  std::int64_t k = 0, v = 0, q = 0, weights = 0, packed = 0, out = 0, size = 0;  ///< offsets
};

template <class Shape>
VIT_INLINE AttentionLayout attention_layout(int keys, int d, int dv) {
  constexpr int kRows = Shape::kRows;
  AttentionLayout l;
  l.span = (keys + Shape::kWidth - 1) / Shape::kWidth * Shape::kWidth;
  l.width = (dv + Shape::kWidth - 1) / Shape::kWidth * Shape::kWidth;
  const int fit = kWeightsBlock / (kRows * l.span);
  l.query_tiles = fit < 1 ? 1 : fit < kMostQueryTiles ? fit : kMostQueryTiles;
  const std::int64_t rows = std::int64_t{l.query_tiles} * kRows;
  l.v = std::int64_t{l.span} * d;
  l.q = l.v + std::int64_t{keys} * l.width;
  l.weights = l.q + rows * d;
  l.packed = l.weights + rows * l.span;
  l.out = l.packed + rows * l.span;
  l.size = l.out + rows * l.width;
  return l;
}

template <class V>
struct AttentionLoops {
  using Reg = typename V::Reg;
  static constexpr float kLog2E = 1.44269504088896341F;

  const AttentionCall& call;
  int head;
  const AttentionLayout layout = attention_layout<V>(call.keys, call.d, call.dv);

  /// The head's part of rows.
  struct Part {
    const float* data;
    std::int64_t ld;
    VIT_INLINE const float* row(std::int64_t r) const { return data + r * ld; }
  };
  VIT_INLINE Part part_of(const HeadRows& rows) const {
    return {rows.data + rows.column(head), rows.ld};
  }

  /// Columns c … of a row, zero beyond `columns`.
  static VIT_INLINE Reg load(const float* row, int c, int columns) {
    const int left = columns - c;
    if (left >= V::kWidth) return V::load(row + c);
    float lanes[V::kWidth];
    for (int i = 0; i < V::kWidth; ++i) lanes[i] = i < left ? row[c + i] : 0.0F;
    return V::load(lanes);
  }

  /// Asks for rows that come soon: they stand far apart, where the processor does not foresee them.
  static VIT_INLINE void prefetch(const Part& from, int first, int end, int columns) {
    for (int r = first; r < end; ++r)
      for (int c = 0; c < columns; c += kLineFloats) V::prefetch_near(from.row(r) + c);
  }

  /// `V::kRows` rows of q or k from `first`, zero beyond `count`, times `factor`, as columns:
  /// column c goes to out[c · stride].
  VIT_INLINE void transpose(const Part& from, int first, int count, float factor, float* out,
                            int stride) const {
    const Reg f = V::set1(factor);
    const int ahead = first + 2 * V::kRows, left = count - ahead;
    prefetch(from, ahead, ahead + (left < V::kRows ? left : V::kRows), call.d);
    for (int c = 0; c < call.d; c += V::kWidth) {
      Reg rows[V::kRows];
      for (int r = 0; r < V::kRows; ++r)
        rows[r] = first + r < count ? V::mul(load(from.row(first + r), c, call.d), f) : V::zero();
      const bool whole = c + V::kWidth <= call.d;
      if (whole && stride == V::kRows) {
        V::store_columns(rows, out + c * stride);
        continue;
      }
      float columns[V::kWidth * V::kRows];
      V::store_columns(rows, columns);
      const int columns_left = whole ? V::kWidth : call.d - c;
      for (int i = 0; i < columns_left; ++i)
        __builtin_memcpy(out + (c + i) * stride, columns + i * V::kRows, sizeof(float) * V::kRows);
    }
  }

  VIT_INLINE AttentionPanels key_panels() const { return {layout.span / V::kWidth}; }
  VIT_INLINE AttentionPanels value_panels() const { return {layout.width / V::kWidth}; }

  /// Calls f<vectors>(first column) for each of the panels.
  template <class F>
  static VIT_INLINE void for_each_panel(const AttentionPanels& panels, const F& f) {
    for (int p = 0; p < panels.count(); ++p) {
      const int begin = panels.begin(p), vectors = panels.begin(p + 1) - begin;
      if (vectors == 3) f.template operator()<3>(begin * V::kWidth);
      if (vectors == 2) f.template operator()<2>(begin * V::kWidth);
      if (vectors == 1) f.template operator()<1>(begin * V::kWidth);
    }
  }

  /// Keys in panels [panel][d][columns]; zero beyond the last key.
  void pack_keys() const {
    const Part k = part_of(call.k);
    for_each_panel(key_panels(), [&]<int NV>(int begin) {
      constexpr int kColumns = NV * V::kWidth;
      float* out = call.scratch + layout.k + std::int64_t{begin} * call.d;
      for (int n = 0; n < kColumns; n += V::kRows)
        transpose(k, begin + n, call.keys, 1.0F, out + n, kColumns);
    });
  }

  /// Values in panels [panel][key][columns].
  void pack_values() const {
    const Part v = part_of(call.v);
    for_each_panel(value_panels(), [&]<int NV>(int begin) {
      constexpr int kColumns = NV * V::kWidth;
      float* out = call.scratch + layout.v + std::int64_t{begin} * call.keys;
      for (int n = 0; n < call.keys; ++n) {
        const int ahead = n + 8;
        if (begin == 0 && ahead < call.keys) prefetch(v, ahead, ahead + 1, call.dv);
        for (int c = 0; c < kColumns; c += V::kWidth)
          V::store(out + n * kColumns + c, load(v.row(n), begin + c, call.dv));
      }
    });
  }

  /// q kᵀ of the tiles, in rows of layout.span.
  void multiply_keys(int tile, int tiles) const {
    const Part from = part_of(call.q);
    float* q = call.scratch + layout.q;
    for (int t = 0; t < tiles; ++t)
      transpose(from, (tile + t) * V::kRows, call.queries, call.scale * kLog2E,
                q + t * V::kRows * call.d, V::kRows);
    for_each_panel(key_panels(), [&]<int NV>(int begin) {
      const float* k = call.scratch + layout.k + std::int64_t{begin} * call.d;
      for (int t = 0; t < tiles; ++t) {
        Reg c[V::kRows][NV];
        clear(c);
        multiply<V, V::kRows, NV>(q + t * V::kRows * call.d, k, call.d, c);
        float* out = call.scratch + layout.weights + t * V::kRows * layout.span + begin;
        VIT_UNROLL
        for (int r = 0; r < V::kRows; ++r) VIT_UNROLL
        for (int j = 0; j < NV; ++j) V::store(out + r * layout.span + j * V::kWidth, c[r][j]);
      }
    });
  }

  template <int R, int NV>
  static VIT_INLINE void clear(Reg (&c)[R][NV]) {
    VIT_UNROLL
    for (int r = 0; r < R; ++r) VIT_UNROLL
    for (int j = 0; j < NV; ++j) c[r][j] = V::zero();
  }

  /// Weights without their division by `total`, packed as the left operand of the next product.
  VIT_INLINE void softmax(int t, float (&inverse)[V::kRows]) const {
    float* weights = call.scratch + layout.weights + t * V::kRows * layout.span;
    float* packed = call.scratch + layout.packed + t * V::kRows * layout.span;
    const int span = layout.span, keys = call.keys, whole = keys / V::kWidth * V::kWidth;
    Reg most[V::kRows], total[V::kRows];
    VIT_UNROLL
    for (int r = 0; r < V::kRows; ++r) {
      for (int k = keys; k < whole + V::kWidth; ++k)
        if (whole < keys) weights[r * span + k] = -1e30F;  // becomes 2^-126
      most[r] = V::load(weights + r * span);
      total[r] = V::zero();
    }
    for (int k = V::kWidth; k < keys; k += V::kWidth) VIT_UNROLL
    for (int r = 0; r < V::kRows; ++r) most[r] = V::max(most[r], V::load(weights + r * span + k));
    VIT_UNROLL
    for (int r = 0; r < V::kRows; ++r) most[r] = V::set1(V::maximum(most[r]));
    for (int k = 0; k < keys; k += V::kWidth) {
      Reg e[V::kRows];
      VIT_UNROLL
      for (int r = 0; r < V::kRows; ++r) {
        e[r] = exp2<V>(V::sub(V::load(weights + r * span + k), most[r]));
        total[r] = V::add(total[r], e[r]);
      }
      V::store_columns(e, packed + k * V::kRows);
    }
    for (int r = 0; r < V::kRows; ++r) inverse[r] = 1.0F / V::sum(total[r]);
  }

  /// One panel of v's columns for one tile: weights · values / total.
  template <int NV>
  VIT_INLINE void multiply_panel(int t, int begin, const float (&inverse)[V::kRows]) const {
    const float* weights = call.scratch + layout.packed + t * V::kRows * layout.span;
    const float* values = call.scratch + layout.v + std::int64_t{begin} * call.keys;
    float* out = call.scratch + layout.out + t * V::kRows * layout.width + begin;
    for (int k = 0; k < call.keys; k += kKeyBlock) {
      const int length = call.keys - k < kKeyBlock ? call.keys - k : kKeyBlock;
      Reg c[V::kRows][NV];
      clear(c);
      multiply<V, V::kRows, NV>(weights + k * V::kRows, values + k * NV * V::kWidth, length, c);
      VIT_UNROLL
      for (int r = 0; r < V::kRows; ++r) VIT_UNROLL
      for (int j = 0; j < NV; ++j) {
        float* o = out + r * layout.width + j * V::kWidth;
        const Reg y = V::mul(c[r][j], V::set1(inverse[r]));
        V::store(o, k == 0 ? y : V::add(V::load(o), y));
      }
    }
  }

  void multiply_values(int tiles, const float (&inverse)[kMostQueryTiles][V::kRows]) const {
    for_each_panel(value_panels(), [&]<int NV>(int begin) {
      for (int t = 0; t < tiles; ++t) multiply_panel<NV>(t, begin, inverse[t]);
    });
  }

  VIT_INLINE void write(int tile, const float* out) const {
    if (call.packed.data == nullptr) {
      for (int r = 0; r < V::kRows && tile * V::kRows + r < call.queries; ++r) {
        float* row = call.rows + (tile * V::kRows + r) * call.ld + std::int64_t{head} * call.dv;
        for (int c = 0; c < call.dv; ++c) row[c] = out[r * layout.width + c];
      }
      return;
    }
    if (call.packed.format != RowFormat::kFloat32) {
      for (int r = 0; r < V::kRows && tile * V::kRows + r < call.queries; ++r)
        write_narrow(tile * V::kRows + r, out + r * layout.width);
      return;
    }
    const bool aligned = call.dv % V::kWidth == 0;  // then no vector spans two blocks
    for (int c = 0; c < call.dv; c += V::kWidth) {
      Reg rows[V::kRows];
      VIT_UNROLL
      for (int r = 0; r < V::kRows; ++r) rows[r] = V::load(out + r * layout.width + c);
      const int column = head * call.dv + c;
      if (aligned) {
        V::store_columns(rows, packed_at<V>(call.packed, tile, column));
        continue;
      }
      float columns[V::kWidth * V::kRows];
      V::store_columns(rows, columns);
      for (int i = 0; i < V::kWidth && c + i < call.dv; ++i) {
        float* to = packed_at<V>(call.packed, tile, column + i);
        for (int r = 0; r < V::kRows; ++r) to[r] = columns[i * V::kRows + r];
      }
    }
  }

  VIT_INLINE void write_narrow(int row, const float* out) const {
    NarrowWriter<V>(call.packed).put_values(call.packed, row, head * call.dv, call.dv, [&](int c) {
      return V::load(out + c);
    });
  }

  void add_weights(int tile, int t, const float (&inverse)[V::kRows]) const {
    const float* packed = call.scratch + layout.packed + t * V::kRows * layout.span;
    for (int r = 0; r < V::kRows && tile * V::kRows + r < call.queries; ++r) {
      float* row = call.weights + (tile * V::kRows + r) * call.weights_ld;
      const float factor = call.weights_factor * inverse[r];
      for (int k = 0; k < call.keys; ++k) row[k] += factor * packed[k * V::kRows + r];
    }
  }

  void run(int tile_begin, int tile_end) const {
    pack_keys();
    if (call.weights == nullptr) pack_values();
    for (int tile = tile_begin; tile < tile_end; tile += layout.query_tiles) {
      const int left = tile_end - tile,
                tiles = left < layout.query_tiles ? left : layout.query_tiles;
      multiply_keys(tile, tiles);
      float inverse[kMostQueryTiles][V::kRows];
      for (int t = 0; t < tiles; ++t) softmax(t, inverse[t]);
      if (call.weights != nullptr) {
        for (int t = 0; t < tiles; ++t) add_weights(tile + t, t, inverse[t]);
        continue;
      }
      multiply_values(tiles, inverse);
      for (int t = 0; t < tiles; ++t)
        write(tile + t, call.scratch + layout.out + t * V::kRows * layout.width);
    }
  }
};

template <class V>
void run_attention(const AttentionCall& call, int head, int tile_begin, int tile_end) {
  AttentionLoops<V>{call, head}.run(tile_begin, tile_end);
}

}  // namespace vit::kernels
