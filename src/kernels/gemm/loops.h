// The loops around the micro-kernel, the same for all levels.
#pragma once

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/levels.h"
#include "kernels/gemm/strassen.h"
#include "kernels/gemm/tile.h"

namespace vit::kernels {

template <class V>
struct GemmLoops {
  static constexpr int kColumns = kPanelVectors * V::kWidth;
  static constexpr int kTileSize = V::kRows * kColumns;
  static constexpr int kPanelChunk = kChunkColumns / kColumns;
  static_assert(kPanelChunk % 2 == 0, "gate and value stay together");

  const GemmCall& call;
  const Finish finish = find_finish<V, FloatTile<V>>(call.epilogue);
  const bool widens = call.weight.format != WeightFormat::kFloat32;
  const int columns = output_columns(call);

  /// Chunk by chunk: tiles outside, then panels.
  VIT_INLINE void run() const {
    const int tiles = call.tiles != 0 ? call.tiles : call.a.tiles;
    const int chunks = (tiles + kTileChunk - 1) / kTileChunk;
    const int at_once = call.weight.strassen ? kStrassenColumns / kColumns : kPanelChunk;
    for (int c = 0; c < chunks; ++c)
      for (int p = call.panel_begin; p < call.panel_end; p += at_once) {
        const int end = p + at_once < call.panel_end ? p + at_once : call.panel_end;
        const int t0 = tiles * c / chunks, t1 = tiles * (c + 1) / chunks;
        if (call.weight.strassen)
          run_strassen(t0, t1, p, end);
        else
          run_chunk(t0, t1, p, end);
      }
  }

  /// The same sums by fewer products, each with the row half a chunk away.
  void run_strassen(int t0, int t1, int p0, int p1) const {
    const int whole = call.a.rows / V::kRows < t1 ? call.a.rows / V::kRows : t1;
    float* sums_of_rows = call.scratch + kTileChunk * V::kRows * kStrassenColumns;
    StrassenLoops<V, GemmLoops>{call, *this, {t0, t1, (whole - t0) / 2}, p0, p1, sums_of_rows}
        .run();
  }

  /// Sums go through `scratch`, [panel][tile][kTileSize], from one block of k to the next.
  void run_chunk(int t0, int t1, int p0, int p1) const {
    const auto& weight = call.weight;
    for (int k = 0; k < weight.k; k += weight.block) {
      const int length = weight.k - k < weight.block ? weight.k - k : weight.block;
      const bool last = k + length == weight.k;
      for (int p = p0; p < p1; ++p) {
        const float* next = p + 1 < p1 ? panel(k, p + 1)
                            : last     ? panel(0, p1)
                                       : panel(k + length, p0);
        const float* b = widens ? widened(k, p, length) : panel(k, p);
        for (int t = t0; t < t1; ++t) {
          float* sums = call.scratch + ((p - p0) * (t1 - t0) + (t - t0)) * kTileSize;
          Ahead ahead;
          if (!widens) ahead = share_of(next, length, t - t0, t1 - t0);
          if (k > 0) ahead.near[0] = {sums, kColumns};
          if (last) ahead.near[1] = addend(t, p);
          add_product(t, packed_at<V>(call.a, t, k), length, b, k == 0, sums, ahead);
          if (last) finish_tile(t, p, sums, (t1 - t0) * kTileSize);
        }
      }
    }
  }

  /// The panel's values of k … ; beyond the last panel the weight's first (only prefetched).
  VIT_INLINE const float* panel(int k, int p) const {
    if (p >= call.weight.panels) p = 0;
    const int length =
        call.weight.k - k < call.weight.block ? call.weight.k - k : call.weight.block;
    return static_cast<const float*>(call.weight.data) + panel_offset(k, p, length);
  }

  VIT_INLINE std::size_t panel_offset(int k, int p, int length) const {
    return (static_cast<std::size_t>(k) * static_cast<std::size_t>(call.weight.panels) +
            static_cast<std::size_t>(p) * static_cast<std::size_t>(length)) *
           kColumns;
  }

  /// The panel's values in float32, in the scratch memory behind the sums.
  const float* widened(int k, int p, int length) const {
    float* out = call.scratch + kTileChunk * V::kRows * kChunkColumns;
    const auto* from =
        static_cast<const std::uint16_t*>(call.weight.data) + panel_offset(k, p, length);
    for (int i = 0; i < length * kColumns; i += V::kWidth)
      V::store(out + i, V::load_bf16(from + i));
    return out;
  }

  /// Adds a · b to the tile's sums, or begins them; `a` holds the tile's rows.
  VIT_INLINE void add_product(int t, const float* a, int length, const float* b, bool first,
                              float* sums, const Ahead& ahead) const {
    if (call.fast_last_row && call.a.rows - t * V::kRows == 1) {
      for (int i = 0; i < ahead.lines; ++i) V::prefetch_far(ahead.far + i * kLineFloats);
      typename V::Reg c[kPanelVectors];
      multiply_row<V, kPanelVectors>(a, b, length, c);
      for (int j = 0; j < kPanelVectors; ++j) {
        float* s = sums + j * V::kWidth;
        V::store(s, first ? c[j] : V::add(V::load(s), c[j]));
      }
      return;
    }
    typename V::Reg c[V::kRows][kPanelVectors];
    VIT_UNROLL
    for (int r = 0; r < V::kRows; ++r) VIT_UNROLL
    for (int j = 0; j < kPanelVectors; ++j) c[r][j] = V::zero();
    multiply_tile<V>(a, b, length, ahead, c);
    if (!first) {
      VIT_UNROLL
      for (int r = 0; r < V::kRows; ++r) VIT_UNROLL
      for (int j = 0; j < kPanelVectors; ++j)
        c[r][j] = V::add(V::load(sums + r * kColumns + j * V::kWidth), c[r][j]);
    }
    VIT_UNROLL
    for (int r = 0; r < V::kRows; ++r) VIT_UNROLL
    for (int j = 0; j < kPanelVectors; ++j) V::store(sums + r * kColumns + j * V::kWidth, c[r][j]);
  }

  VIT_INLINE void finish_tile(int t, int p, const float* sums, int panel_stride) const {
    TileSums tile;
    tile.tile = t;
    tile.panel = p;
    const int left = call.a.rows - t * V::kRows;
    tile.rows = left < V::kRows ? left : V::kRows;
    tile.value = panel_sums(call.weight, p, kColumns, sums);
    if (call.epilogue.gated) {
      if (p % 2 == 0) return;  // waits for its value
      tile.panel = p / 2;
      tile.gate = panel_sums(call.weight, p - 1, kColumns, sums - panel_stride);
    }
    finish(call.epilogue, columns, tile);
  }

  /// The share of tile `i` of `tiles` in asking for the next panel.
  static VIT_INLINE Ahead share_of(const float* next, int length, int i, int tiles) {
    const int lines = length * kColumns / kLineFloats, begin = lines * i / tiles;
    Ahead ahead;
    ahead.far = next + begin * kLineFloats;
    ahead.lines = lines * (i + 1) / tiles - begin;
    return ahead;
  }

  /// The rows that the epilogue will add to.
  VIT_INLINE Ahead::Rows addend(int t, int p) const {
    const auto& e = call.epilogue;
    if (e.addend == nullptr) return {};
    return {e.addend + t * V::kRows * e.addend_ld + p * kColumns, e.addend_ld};
  }
};

template <class V>
void run_gemm(const GemmCall& call) {
  GemmLoops<V>{call}.run();
}

template <class V>
void run_pack_rows(const float* x, std::int64_t ld, const PackedRows& out, int begin, int end) {
  if (out.format != RowFormat::kFloat32) {
    const auto first = std::int64_t{begin} * kNarrowRows;
    const int last = end * kNarrowRows < out.rows ? end * kNarrowRows : out.rows;
    for (auto row = first; row < last; ++row)
      put_narrow_row<V>(out, static_cast<int>(row), out.columns,
                        [&](int k) { return V::load(x + (row - first) * ld + k); });
    return;
  }
  for (int t = begin; t < end; ++t)
    for (int k = 0; k < out.k; k += V::kWidth) {
      typename V::Reg rows[V::kRows];
      VIT_UNROLL
      for (int r = 0; r < V::kRows; ++r) {
        const std::int64_t row = (t - begin) * V::kRows + r;
        rows[r] = t * V::kRows + r < out.rows ? V::load(x + row * ld + k) : V::zero();
      }
      V::store_columns(rows, packed_at<V>(out, t, k));
    }
}

}  // namespace vit::kernels
