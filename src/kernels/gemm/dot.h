// Micro-kernels of narrow operands in vector registers: sums of products of groups of four bytes.
#pragma once

#include "kernels/gemm/narrow.h"

namespace vit::kernels {

/// `Dot`: `kFormat`; `Sum`, a register of 16 sums; `Row`, a group of a row for all columns; `zero`,
/// `load`, `store`, `row(bytes)` and `add(sums, row, bytes of 16 columns)`.
template <class V, class Dot>
struct DotKernel {
  static constexpr RowFormat kFormat = Dot::kFormat;
  static constexpr int kRows = 8;  ///< that are in registers together, with both halves of a panel
  static constexpr int kGroup = 4, kGroups = kLineBytes / kGroup;
  static constexpr int kHalf = kNarrowRows * kLineBytes;  ///< bytes of a line of half a panel

  static void begin() {}
  static void end() {}

  static VIT_INLINE void multiply(const NarrowBlock& block) {
    for (int i = 0; i < block.fetch * block.lines; ++i)
      V::prefetch_far(block.next + i * kLineBytes);
    for (int tile = 0; tile < block.tiles; ++tile)
      for (int row = 0; row < kNarrowRows; row += kRows)
        multiply_rows(
            block, block.a + tile * block.next_tile + row * kLineBytes,
            static_cast<std::int32_t*>(block.sums) + (tile * kNarrowRows + row) * kNarrowColumns);
  }

  static VIT_INLINE void multiply_rows(const NarrowBlock& block, const std::byte* a,
                                       std::int32_t* sums) {
    typename Dot::Sum c[kRows][2];
    VIT_UNROLL
    for (int r = 0; r < kRows; ++r) VIT_UNROLL
    for (int j = 0; j < 2; ++j)
      c[r][j] = block.first ? Dot::zero() : Dot::load(sums + r * kNarrowColumns + j * 16);
    const std::byte* b = block.b;
    for (int line = 0; line < block.lines; ++line, a += kNarrowRows * kLineBytes, b += 2 * kHalf)
      for (int g = 0; g < kGroups; ++g) VIT_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const auto row = Dot::row(a + r * kLineBytes + g * kGroup);
      c[r][0] = Dot::add(c[r][0], row, b + g * kLineBytes);
      c[r][1] = Dot::add(c[r][1], row, b + kHalf + g * kLineBytes);
    }
    VIT_UNROLL
    for (int r = 0; r < kRows; ++r) VIT_UNROLL
    for (int j = 0; j < 2; ++j) Dot::store(sums + r * kNarrowColumns + j * 16, c[r][j]);
  }
};

}  // namespace vit::kernels
