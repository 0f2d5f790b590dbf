// Micro-kernels of narrow operands in vector registers: sums of products of groups of four bytes.
#pragma once

#include "kernels/gemm/narrow.h"

namespace vit::kernels {

/// `Dot`: `kFormat`; `kSplits`, whether its rows are SplitRows, whose `Bytes` it then is; `Sum`, a
/// register of `kLanes` sums; `kRows` and `kVectors` of them that are in registers together;
/// `zero`, `load`, `store`; `row(bytes)`, a group of a row for all columns; `columns(bytes)`,
/// groups of as many columns; `add(sums, row, columns)`, or `add<true>` for signed rows and
/// unsigned columns, `add<false>` for the other way round.
template <class V, class Dot>
struct DotKernel : Dot {
  static constexpr int kRows = Dot::kRows, kVectors = Dot::kVectors, kLanes = Dot::kLanes;
  static constexpr int kLines = kNarrowLines;
  static constexpr int kGroups = kLineBytes / kGroupBytes;
  static constexpr int kHalfColumns = kNarrowColumns / 2;
  static constexpr int kHalf = kHalfColumns * kLineBytes;  ///< bytes of a line of half a panel
  static_assert(kNarrowRows % kRows == 0 && kNarrowColumns % (kVectors * kLanes) == 0);

  static void begin() {}
  static void end() {}

  static VIT_INLINE void multiply(const NarrowBlock& block) {
    for (int i = 0; i < block.fetch * block.lines; ++i)
      V::prefetch_far(block.next + i * kLineBytes);
    const auto stride = static_cast<std::int64_t>(block.stride / 4);
    const int rows =
        block.rows < block.tiles * kNarrowRows ? block.rows : block.tiles * kNarrowRows;
    for (int column = 0; column < kNarrowColumns; column += kVectors * kLanes)
      for (int row = 0; row < rows; row += kRows) {
        const auto* a = block.a + static_cast<std::size_t>(row / kNarrowRows) * block.next_tile +
                        row % kNarrowRows * kLineBytes;
        const auto* b = block.b + in_line(column);
        auto* sums = static_cast<std::int32_t*>(block.sums) + row * stride + column;
        if (Dot::kSplits && block.is_signed)
          multiply_rows<Dot::kSplits>(block, a, b, sums);
        else
          multiply_rows<false>(block, a, b, sums);
      }
  }

  /// Adds the products of a row's extra groups with the block's columns.
  static VIT_INLINE void multiply_extras(const NarrowBlock& block, const ExtraGroup* extra,
                                         const ExtraGroup* end, std::int32_t* sums) {
    if (block.is_signed)
      multiply_extras_as<true>(block.b, extra, end, sums);
    else
      multiply_extras_as<false>(block.b, extra, end, sums);
  }

  /// Where a line of a panel holds the first group of a column.
  static VIT_INLINE constexpr int in_line(int column) {
    return column / kHalfColumns * kHalf + column % kHalfColumns * kGroupBytes;
  }

  template <bool kSigned, class Operand>
  static VIT_INLINE typename Dot::Sum add(typename Dot::Sum sum, Operand row, Operand columns) {
    if constexpr (Dot::kSplits)
      return Dot::template add<kSigned>(sum, row, columns);
    else
      return Dot::add(sum, row, columns);
  }

  template <bool kSigned>
  static VIT_INLINE void multiply_extras_as(const std::byte* b, const ExtraGroup* extra,
                                            const ExtraGroup* end, std::int32_t* sums) {
    constexpr int kAll = kNarrowColumns / kLanes;
    typename Dot::Sum c[kAll];
    VIT_UNROLL
    for (int j = 0; j < kAll; ++j) c[j] = Dot::load(sums + j * kLanes);
    for (; extra != end; ++extra) {
      const auto row = Dot::row(reinterpret_cast<const std::byte*>(&extra->numbers));
      VIT_UNROLL
      for (int j = 0; j < kAll; ++j)
        c[j] = add<kSigned>(c[j], row, Dot::columns(b + extra->offset + in_line(j * kLanes)));
    }
    VIT_UNROLL
    for (int j = 0; j < kAll; ++j) Dot::store(sums + j * kLanes, c[j]);
  }

  template <bool kSigned>
  static VIT_INLINE void multiply_rows(const NarrowBlock& block, const std::byte* a,
                                       const std::byte* b, std::int32_t* sums) {
    const auto stride = static_cast<std::int64_t>(block.stride / 4);
    typename Dot::Sum c[kRows][kVectors];
    VIT_UNROLL
    for (int r = 0; r < kRows; ++r) VIT_UNROLL
    for (int j = 0; j < kVectors; ++j)
      c[r][j] = block.first ? Dot::zero() : Dot::load(sums + r * stride + j * kLanes);
    for (int line = 0; line < block.lines; ++line, a += kNarrowRows * kLineBytes, b += 2 * kHalf)
      for (int g = 0; g < kGroups; ++g) {
        decltype(Dot::columns(b)) columns[kVectors];
        VIT_UNROLL
        for (int j = 0; j < kVectors; ++j)
          columns[j] = Dot::columns(b + in_line(j * kLanes) + g * kLineBytes);
        VIT_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const auto row = Dot::row(a + r * kLineBytes + g * kGroupBytes);
          VIT_UNROLL
          for (int j = 0; j < kVectors; ++j) c[r][j] = add<kSigned>(c[r][j], row, columns[j]);
        }
      }
    VIT_UNROLL
    for (int r = 0; r < kRows; ++r) VIT_UNROLL
    for (int j = 0; j < kVectors; ++j) Dot::store(sums + r * stride + j * kLanes, c[r][j]);
  }
};

}  // namespace vit::kernels
