// The micro-kernel: a tile of rows times a panel of columns, in registers.
#pragma once

#include <cstddef>

#include "kernels/vector/inline.h"
#include "vit/kernels/gemm.h"

namespace vit::kernels {

/// Of a cache line.
inline constexpr int kLineFloats = 16;
/// Vectors of a whole panel.
inline constexpr int kPanelVectors = 3;

/// c[R][NV] += a[k][V::kRows] · b[k][NV vectors], for the first R rows of the tile.
template <class V, int R, int NV>
VIT_INLINE void multiply(const float* __restrict a, const float* __restrict b, int k,
                         typename V::Reg (&c)[R][NV]) {
#pragma GCC unroll 4
  for (int i = 0; i < k; ++i, a += V::kRows, b += NV * V::kWidth) {
    typename V::Reg columns[NV];
    VIT_UNROLL
    for (int j = 0; j < NV; ++j) columns[j] = V::load(b + j * V::kWidth);
    VIT_UNROLL
    for (int r = 0; r < R; ++r) {
      const auto row = V::set1(a[r]);
      VIT_UNROLL
      for (int j = 0; j < NV; ++j) c[r][j] = V::fma(row, columns[j], c[r][j]);
    }
  }
}

/// Cache lines that will be read soon. They are asked for a few at a time while a tile is
/// multiplied: a processor waits for a dozen at once, and behind more of them its next operands
/// would wait too.
struct Ahead {
  const float* far = nullptr;  ///< for the second level: `lines`, one after another
  int lines = 0;
  /// For the first level: what the tile's sums will meet, a panel's columns of all its rows.
  struct Rows {
    const float* data = nullptr;  ///< or null
    std::ptrdiff_t ld = 0;
  };
  Rows near[3];
};

/// multiply() of a whole tile by a whole panel. k is a multiple of kPadding, and not 0.
template <class V>
VIT_INLINE void multiply_tile(const float* a, const float* b, int k, Ahead ahead,
                              typename V::Reg (&c)[V::kRows][kPanelVectors]) {
  constexpr int kColumns = kPanelVectors * V::kWidth;
  // A panel of shorter vectors is smaller, and a tile's share of the next one a few lines.
  constexpr bool kSpreads = V::kWidth >= kLineFloats;
  const int step = kSpreads ? static_cast<int>(kPadding) : k, steps = k / step;
  int lines = 0, rows = 0, row = 0;  // that are due, times steps
  for (int i = 0; i < steps; ++i, a += step * V::kRows, b += step * kColumns) {
    for (lines += ahead.lines; lines >= steps; lines -= steps, ahead.far += kLineFloats)
      V::prefetch_far(ahead.far);
    for (rows += V::kRows; rows >= steps; rows -= steps, ++row) VIT_UNROLL
    for (const auto& near : ahead.near)
      if (near.data != nullptr)
        for (int column = 0; column < kColumns; column += kLineFloats)
          V::prefetch_near(near.data + row * near.ld + column);
    multiply<V, V::kRows, kPanelVectors>(a, b, step, c);
  }
}

/// multiply() for the first row alone: four sums side by side, so that no addition waits for the
/// one before. k is a multiple of 4.
template <class V, int NV>
VIT_INLINE void multiply_row(const float* __restrict a, const float* __restrict b, int k,
                             typename V::Reg (&c)[NV]) {
  typename V::Reg sums[4][NV];
  VIT_UNROLL
  for (int u = 0; u < 4; ++u) VIT_UNROLL
  for (int j = 0; j < NV; ++j) sums[u][j] = V::zero();
  for (int i = 0; i < k; i += 4, a += 4 * V::kRows, b += 4 * NV * V::kWidth) VIT_UNROLL
  for (int u = 0; u < 4; ++u) {
    const auto row = V::set1(a[u * V::kRows]);
    VIT_UNROLL
    for (int j = 0; j < NV; ++j)
      sums[u][j] = V::fma(row, V::load(b + (u * NV + j) * V::kWidth), sums[u][j]);
  }
  VIT_UNROLL
  for (int j = 0; j < NV; ++j)
    c[j] = V::add(V::add(sums[0][j], sums[1][j]), V::add(sums[2][j], sums[3][j]));
}

/// Where the packed rows hold `tile`'s column k.
template <class V>
VIT_INLINE float* packed_at(const PackedRows& rows, int tile, int k) {
  const int block = k / rows.block, first = block * rows.block;
  const int length = rows.k - first < rows.block ? rows.k - first : rows.block;
  return rows.data + (static_cast<std::size_t>(first) * static_cast<std::size_t>(rows.tiles) +
                      static_cast<std::size_t>(tile) * static_cast<std::size_t>(length) +
                      static_cast<std::size_t>(k - first)) *
                         V::kRows;
}

}  // namespace vit::kernels
