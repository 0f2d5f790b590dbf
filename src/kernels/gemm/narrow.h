// Operands of fewer than 32 bits: how they lie in memory, and the loops around their micro-kernels.
//
// A micro-kernel multiplies tiles of 16 rows by panels of 32 columns, 64 bytes of k (a line) at a
// time, in the layout that AMX reads: the processor's other instructions for sums of products take
// the same groups of four bytes.
#pragma once

#include <cstddef>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/levels.h"
#include "kernels/gemm/narrow_rows.h"

namespace vit::kernels {

/// What a micro-kernel works on: one or two tiles of rows, some lines of a panel.
struct NarrowBlock {
  const std::byte* a = nullptr;  ///< the first tile's lines
  std::size_t next_tile = 0;     ///< bytes to the second tile's
  const std::byte* b = nullptr;
  int tiles = 0;  ///< 1 or 2
  int rows = 0;   ///< of the tiles that count
  int lines = 0;
  bool first = false;                       ///< begins the sums, else adds to them
  void* sums = nullptr;                     ///< [tiles][16][32] of four bytes
  std::size_t stride = kNarrowColumns * 4;  ///< bytes from row to row of them
  const std::byte* next = nullptr;  ///< will be read soon: `fetch` cache lines for each line
  int fetch = 0;
};

/// The sums of a tile as floats.
template <class V, RowFormat F>
struct NarrowTile {
  static constexpr int kRows = kNarrowRows, kVectors = kNarrowColumns / V::kWidth;
  static constexpr bool kNear = F != RowFormat::kBf16Pair;

  static VIT_INLINE typename V::Reg value(const TileSums& tile, const PanelSums& panel, int row,
                                          int j) {
    const int at = row * kNarrowColumns + j * V::kWidth;
    if constexpr (!has_scales(F)) {
      return V::load(panel.sums + at);
    } else {
      // Σ (offset + scale · u) w = offset Σ w + scale Σ u w, all times the weight's scale.
      const auto& [scale, offset] = tile.scales[row * tile.scale_step];
      const auto dot = V::load_int32(reinterpret_cast<const std::int32_t*>(panel.sums) + at);
      const auto shift = V::mul(V::set1(offset), V::load(panel.row_sum + j * V::kWidth));
      return V::mul(V::fma(V::set1(scale), dot, shift), V::load(panel.scale + j * V::kWidth));
    }
  }
};

/// `Kernel`: `kFormat` of the rows; `begin()` and `end()` around all calls on a thread;
/// `multiply(NarrowBlock)`; of kWideUint8 `widen(bytes, words, count)`.
template <class V, class Kernel>
struct NarrowLoops {
  static constexpr RowFormat kFormat = Kernel::kFormat;
  static constexpr int kParts = narrow_parts(kFormat);
  static constexpr int kTileLine = kNarrowRows * kLineBytes * kParts;
  static constexpr bool kWidens = kFormat == RowFormat::kWideUint8;
  static constexpr int kPanelLine = kNarrowColumns * kLineBytes * kParts / (kWidens ? 2 : 1);
  static constexpr int kTileSums = kNarrowRows * kNarrowColumns;

  const GemmCall& call;
  const Finish finish = find_finish<V, NarrowTile<V, kFormat>>(call.epilogue);
  const int columns = output_columns(call);
  const int lines = call.a.k / narrow_values(kFormat);
  const bool sums_are_rows = !has_scales(kFormat) && leaves_sums(call);

  void run() const {
    Kernel::begin();
    const int tiles = call.tiles != 0 ? call.tiles : call.a.tiles;
    const int chunks = (tiles + kNarrowChunk - 1) / kNarrowChunk;
    for (int c = 0; c < chunks; ++c)
      for (int p = call.panel_begin; p < call.panel_end; ++p)
        run_panel(tiles * c / chunks, tiles * (c + 1) / chunks, p);
    Kernel::end();
  }

  /// A gate's sums wait behind those of its value.
  void run_panel(int t0, int t1, int p) const {
    const bool gate = call.epilogue.gated && p % 2 == 0;
    float* sums = call.scratch + (gate ? kNarrowChunk * kTileSums : 0);
    const int pairs = (t1 - t0 + 1) / 2;
    NarrowBlock block;
    block.next_tile = static_cast<std::size_t>(lines) * kTileLine;
    block.fetch = (kPanelLine / kLineBytes + pairs - 1) / pairs;
    for (int line = 0; line < lines; line += kNarrowLines) {
      block.lines = lines - line < kNarrowLines ? lines - line : kNarrowLines;
      block.b = kWidens ? widened(p, line, block.lines) : panel(p, line);
      block.next = panel(p + 1 < call.weight.panels ? p + 1 : 0, line);
      const bool last = line + block.lines == lines;
      for (int t = t0; t < t1; t += 2) {
        block.tiles = t + 1 < t1 ? 2 : 1;
        block.rows = call.a.rows - t * kNarrowRows;
        block.a = reinterpret_cast<const std::byte*>(call.a.data) +
                  static_cast<std::size_t>(t) * block.next_tile +
                  static_cast<std::size_t>(line) * kTileLine;
        const bool direct = are_sums_the_output(t, block.tiles, p);
        block.sums = direct ? output(t, p) : sums + (t - t0) * kTileSums;
        block.stride = direct ? static_cast<std::size_t>(call.epilogue.ld) * 4 : kNarrowColumns * 4;
        const bool adds = direct && call.epilogue.accumulate;
        block.first = line == 0 && !adds;
        if (line == 0 && adds && t + 2 < t1) prefetch_output(t + 2, p);
        Kernel::multiply(block);
        block.next += block.fetch * block.lines * kLineBytes;
        if (last && !gate && !direct)
          for (int i = 0; i < block.tiles; ++i)
            finish_tile(t + i, p, sums + (t - t0 + i) * kTileSums);
      }
    }
  }

  /// Whether nothing becomes of sums but rows, so that they are summed there, of whole tiles.
  VIT_INLINE bool are_sums_the_output(int t, int tiles, int p) const {
    return sums_are_rows && (t + tiles) * kNarrowRows <= call.a.rows &&
           (p + 1) * kNarrowColumns <= columns;
  }
  VIT_INLINE float* output(int t, int p) const {
    return call.epilogue.rows + std::int64_t{t} * kNarrowRows * call.epilogue.ld +
           p * kNarrowColumns;
  }

  /// The rows that the sums of the next tiles begin with.
  VIT_INLINE void prefetch_output(int t, int p) const {
    constexpr int kLine = kLineBytes / static_cast<int>(sizeof(float));
    for (int r = 0; r < 2 * kNarrowRows && t * kNarrowRows + r < call.a.rows; ++r)
      for (int i = 0; i < kNarrowColumns; i += kLine)
        V::prefetch_near(output(t, p) + r * call.epilogue.ld + i);
  }

  VIT_INLINE const std::byte* panel(int p, int line) const {
    return static_cast<const std::byte*>(call.weight.data) +
           static_cast<std::size_t>(p) * static_cast<std::size_t>(lines * kPanelLine) +
           static_cast<std::size_t>(line * kPanelLine);
  }

  /// The same in 16 bits, in the scratch memory behind the sums.
  VIT_INLINE const std::byte* widened(int p, int line, int count) const {
    auto* out = reinterpret_cast<std::int16_t*>(call.scratch + 2 * kNarrowChunk * kTileSums);
    if constexpr (kWidens)
      Kernel::widen(reinterpret_cast<const std::int8_t*>(panel(p, line)), out, count * kPanelLine);
    return reinterpret_cast<const std::byte*>(out);
  }

  VIT_INLINE void finish_tile(int t, int p, const float* sums) const {
    TileSums tile;
    tile.tile = t;
    const int left = call.a.rows - t * kNarrowRows;
    tile.rows = left < kNarrowRows ? left : kNarrowRows;
    if (has_scales(kFormat)) {
      const bool fixed = call.a.fixed.scale != 0.0F;
      tile.scales = fixed ? &call.a.fixed : call.a.scales + t * kNarrowRows;
      tile.scale_step = fixed ? 0 : 1;
    }
    tile.panel = call.epilogue.gated ? p / 2 : p;
    tile.value = panel_sums(call.weight, p, kNarrowColumns, sums);
    if (call.epilogue.gated)
      tile.gate = panel_sums(call.weight, p - 1, kNarrowColumns, sums + kNarrowChunk * kTileSums);
    finish(call.epilogue, columns, tile);
  }
};

template <class V, class Kernel>
void run_narrow_gemm(const GemmCall& call) {
  NarrowLoops<V, Kernel>{call}.run();
}

}  // namespace vit::kernels
