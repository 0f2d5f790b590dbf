// The micro-kernel: a tile of rows times a panel of columns, in registers.
#pragma once

#include <cstddef>

#include "kernels/vector/inline.h"
#include "vit/kernels/gemm.h"

namespace vit::kernels {

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

/// The same for the first row alone: four sums side by side, so that no addition waits for the one
/// before. k is a multiple of 4.
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
