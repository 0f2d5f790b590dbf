// Operands of fewer than 32 bits: how they lie in memory, and the loops around their micro-kernels.
//
// A micro-kernel multiplies tiles of 16 rows by panels of 32 columns, 64 bytes of k (a line) at a
// time, in the layout that AMX reads: the processor's other instructions for sums of products take
// the same groups of four bytes.
#pragma once

#include <cstddef>
#include <type_traits>

#include "kernels/gemm/epilogue.h"
#include "kernels/gemm/levels.h"
#include "kernels/gemm/narrow_rows.h"
#include "kernels/gemm/split_rows.h"

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
  bool is_signed = false;                   ///< SplitRows alone: and their weights unsigned
  void* sums = nullptr;                     ///< [tiles][16][32] of four bytes
  std::size_t stride = kNarrowColumns * 4;  ///< bytes from row to row of them
  const std::byte* next = nullptr;  ///< will be read soon: `fetch` cache lines for each line
  int fetch = 0;
};

/// The sums of a tile as floats.
template <class V, RowFormat F>
struct NarrowTile {
  static constexpr int kRows = kNarrowRows, kVectors = kNarrowColumns / V::kWidth;
  static constexpr bool kNear = narrow_parts(F) == 1;
  static constexpr bool kWritesNarrow = true;
  using Reg = typename V::Reg;

  /// What a vector of columns has of its own. Of rows with scales also the weights' scale, and the
  /// weights' sum times that.
  struct Columns {
    Reg bias, scale, sum;
  };
  static VIT_INLINE Columns columns(const TileSums& tile, const PanelSums& panel, int j) {
    const auto part = [&](const float* values) { return V::load(values + j * V::kWidth); };
    Columns columns{panel.bias != nullptr ? part(panel.bias) : V::zero(), V::zero(), V::zero()};
    if constexpr (has_scales(F)) {
      columns.scale = part(panel.scale);
      columns.sum = V::mul(part(panel.row_sum), columns.scale);
      if (tile.scale_step == 0) fold(*tile.scales, columns);
    }
    return columns;
  }

  static VIT_INLINE Reg value(const TileSums& tile, const PanelSums& panel, const Columns& columns,
                              int row, int j) {
    const int at = row * kNarrowColumns + j * V::kWidth;
    if constexpr (!has_scales(F)) {
      return V::add(V::load(panel.sums + at), columns.bias);
    } else {
      auto of_row = columns;
      if (tile.scale_step != 0) fold(tile.scales[row], of_row);
      const auto dot = V::load_int32(reinterpret_cast<const std::int32_t*>(panel.sums) + at);
      return V::fma(dot, of_row.scale, of_row.bias);
    }
  }

 private:
  /// The scale of rows into the columns' scale and bias, which then give a value from Σ u w alone:
  /// Σ (offset + scale · u) w = offset Σ w + scale Σ u w, all times the weights' scale.
  static VIT_INLINE void fold(const RowScale& rows, Columns& columns) {
    columns.bias = V::fma(V::set1(rows.offset), columns.sum, columns.bias);
    columns.scale = V::mul(V::set1(rows.scale), columns.scale);
  }
};

/// `Kernel`: `kFormat` of the rows; `kLines`, the most lines whose part of a panel stays in the
/// first cache level while all rows pass by; `begin()` and `end()` around all calls on a thread;
/// `multiply(NarrowBlock)`; `kSplits`, whether its rows are SplitRows, whose `Bytes` it then is,
/// and it has `multiply_extras(NarrowBlock, a row's extras, its sums)`.
template <class V, class Kernel>
struct NarrowLoops {
  static constexpr RowFormat kFormat = Kernel::kFormat;
  static constexpr int kParts = narrow_parts(kFormat);
  static constexpr int kTileLine = kNarrowRows * kLineBytes * kParts;
  static constexpr bool kSplits = Kernel::kSplits;
  static constexpr int kPanelLine = kNarrowColumns * kLineBytes * kParts;
  static constexpr int kTileSums = kNarrowRows * kNarrowColumns;
  static constexpr int kTilesTogether = kSplits ? 1 : 2;

  const GemmCall& call;
  const Finish finish = find_finish<V, NarrowTile<V, kFormat>>(call.epilogue);
  const int columns = output_columns(call);
  const int lines = call.a.k / narrow_values(kFormat);
  const int block_lines = lines_of_block();
  const bool sums_are_rows = !has_scales(kFormat) && leaves_sums(call);

  /// Behind the sums of panels, where the kernel splits rows: lines of a panel with unsigned
  /// weights, and the rows.
  struct Split {
    std::byte* weights;
    SplitRows<Kernel> rows;

    explicit VIT_INLINE Split(const GemmCall& call)
        : weights(
              reinterpret_cast<std::byte*>(call.scratch + kSplitPanels * kNarrowChunk * kTileSums)),
          rows(call.a, weights + std::ptrdiff_t{kNarrowLines} * kPanelLine) {}
  };
  struct NoSplit {
    explicit NoSplit(const GemmCall& /*call*/) {}
  };
  std::conditional_t<kSplits, Split, NoSplit> split{call};

  void run() {
    Kernel::begin();
    const int tiles = call.tiles != 0 ? call.tiles : call.a.tiles;
    int most = kNarrowChunk;
    if constexpr (kSplits) most = split.rows.most_tiles();
    const int chunks = (tiles + most - 1) / most;
    for (int c = 0; c < chunks; ++c) {
      const Part part{tiles * c / chunks, tiles * (c + 1) / chunks};
      if constexpr (kSplits) split.rows.split(part.begin, part.end - part.begin);
      const int together = panels_together(part);
      for (int p = call.panel_begin; p < call.panel_end; p += together)
        run_panels(part, p, p + together < call.panel_end ? p + together : call.panel_end);
    }
    Kernel::end();
  }

  /// Tiles of rows.
  struct Part {
    int begin = 0, end = 0;
  };

  /// A panel reads all lines of the rows. Where these stay in the second cache level, panels come
  /// one by one, or a gate's with its value's; else some of them read a few lines after another.
  /// The order in which a sum is made is the same.
  VIT_INLINE int panels_together(const Part& part) const {
    const auto bytes = static_cast<std::size_t>(part.end - part.begin) *
                       static_cast<std::size_t>(lines) * kTileLine;
    // Rows that are split together stay there.
    if (!kSplits && bytes > kNarrowRowBytes) return kNarrowGroup;
    return call.epilogue.gated ? kSplitPanels : 1;
  }

  /// As many blocks as are needed, evenly; split rows have their own.
  VIT_INLINE int lines_of_block() const {
    if (kSplits || lines == 0) return kNarrowLines;
    const int blocks = (lines + Kernel::kLines - 1) / Kernel::kLines;
    return (lines + blocks - 1) / blocks;
  }

  /// Panels `[p0, p1)`, of which the scratch memory has the sums side by side.
  VIT_INLINE void run_panels(const Part& part, int p0, int p1) const {
    for (int line = 0; line < lines; line += block_lines)
      for (int p = p0; p < p1; ++p)
        run_block(part, p, line, next_block(p, line, p0, p1),
                  call.scratch + (p - p0) * kNarrowChunk * kTileSums);
  }

  VIT_INLINE const std::byte* next_block(int p, int line, int p0, int p1) const {
    if (p + 1 < p1) return panel(p + 1, line);
    if (line + block_lines < lines) return panel(p0, line + block_lines);
    return panel(p1 < call.weight.panels ? p1 : 0, 0);
  }

  /// Some lines of a panel; `next` is what will be read soon, `sums` are the panel's.
  VIT_INLINE void run_block(const Part& part, int p, int line, const std::byte* next,
                            float* sums) const {
    const bool gate = call.epilogue.gated && p % 2 == 0;
    const int steps = (part.end - part.begin + kTilesTogether - 1) / kTilesTogether;
    NarrowBlock block;
    block.next_tile = static_cast<std::size_t>(lines) * kTileLine;
    block.fetch = (kPanelLine / kLineBytes + steps - 1) / steps;
    block.lines = lines - line < block_lines ? lines - line : block_lines;
    block.b = panel(p, line);
    block.next = next;
    if constexpr (kSplits)
      if (split.rows.any_signed()) make_unsigned(block);
    const bool last = line + block.lines == lines;
    for (int t = part.begin; t < part.end; t += kTilesTogether) {
      block.tiles = t + kTilesTogether <= part.end ? kTilesTogether : 1;
      block.rows = call.a.rows - t * kNarrowRows;
      block.a = reinterpret_cast<const std::byte*>(call.a.data) +
                static_cast<std::size_t>(t) * block.next_tile +
                static_cast<std::size_t>(line) * kTileLine;
      const bool direct = are_sums_the_output(t, block.tiles, p);
      float* const tile_sums = sums + (t - part.begin) * kTileSums;
      block.sums = direct ? output(t, p) : tile_sums;
      block.stride = direct ? static_cast<std::size_t>(call.epilogue.ld) * 4 : kNarrowColumns * 4;
      const bool adds = direct && call.epilogue.accumulate;
      block.first = line == 0 && !adds;
      if (line == 0 && adds && t + 2 < part.end) prefetch_output(t + 2, p);
      if constexpr (kSplits)
        multiply_split(block, t - part.begin, p, line);
      else
        Kernel::multiply(block);
      block.next += block.fetch * block.lines * kLineBytes;
      if (last && !gate && !direct)
        for (int i = 0; i < block.tiles; ++i) finish_tile(t + i, p, tile_sums + i * kTileSums);
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
    for (int r = 0; r < 2 * kNarrowRows && t * kNarrowRows + r < call.a.rows; ++r)
      for (int i = 0; i < kNarrowColumns; i += kLineFloats)
        V::prefetch_near(output(t, p) + r * call.epilogue.ld + i);
  }

  VIT_INLINE const std::byte* panel(int p, int line) const {
    return static_cast<const std::byte*>(call.weight.data) +
           static_cast<std::size_t>(p) * static_cast<std::size_t>(lines * kPanelLine) +
           static_cast<std::size_t>(line * kPanelLine);
  }

  /// The block's weights, 128 more of each.
  VIT_INLINE void make_unsigned(const NarrowBlock& block) const {
    for (int i = 0; i < block.lines * kPanelLine; ++i)
      split.weights[i] = block.b[i] ^ std::byte{0x80};
  }

  /// A tile of the split rows: tile `t` of them.
  VIT_INLINE void multiply_split(NarrowBlock block, int t, int p, int line) const {
    block.a = split.rows.tile(t, line);
    block.is_signed = split.rows.is_signed(t);
    if (block.is_signed) block.b = split.weights;
    auto* const sums = static_cast<std::int32_t*>(block.sums);
    if (block.first) {
      const float* const of_columns = call.weight.row_sum + p * kNarrowColumns;
      const float factor = block.is_signed ? 128.0F : 0.0F;
      for (int r = 0; r < kNarrowRows; ++r)
        for (int c = 0; c < kNarrowColumns; ++c)
          sums[r * kNarrowColumns + c] = static_cast<std::int32_t>(
              static_cast<std::uint32_t>(split.rows.start(t * kNarrowRows + r)) +
              static_cast<std::uint32_t>(static_cast<std::int32_t>(factor * of_columns[c])));
      block.first = false;
    }
    Kernel::multiply(block);
    for (int r = 0; r < kNarrowRows && r < block.rows; ++r) {
      const auto extras = split.rows.extras(t * kNarrowRows + r, line);
      if (extras.begin != extras.end)
        Kernel::multiply_extras(block, extras.begin, extras.end, sums + r * kNarrowColumns);
    }
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
      tile.gate = panel_sums(call.weight, p - 1, kNarrowColumns, sums - kNarrowChunk * kTileSums);
    finish(call.epilogue, columns, tile);
  }
};

template <class V, class Kernel>
void run_narrow_gemm(const GemmCall& call) {
  NarrowLoops<V, Kernel>{call}.run();
}

}  // namespace vit::kernels
