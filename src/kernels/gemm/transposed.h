// Operands in float32 from matrices that stand transposed in memory: packed forms hold k's values
// far apart and a tile's or panel's side by side, so that rows of memory are copied.
#pragma once

#include "kernels/gemm/tile.h"

namespace vit::kernels {

template <class V>
void run_pack_rows_transposed(const float* x, std::int64_t ld, std::int64_t k,
                              const PackedRows& out) {
  for (int begin = 0; begin < out.k; begin += out.block) {
    const int length = out.k - begin < out.block ? out.k - begin : out.block;
    for (int t = 0; t < out.tiles; ++t) {
      float* to = packed_at<V>(out, t, begin);
      const float* from = x + begin * ld + t * V::kRows;
      for (int i = 0; i < length; ++i, to += V::kRows, from += ld) VIT_UNROLL
      for (int r = 0; r < V::kRows; ++r) to[r] = begin + i < k ? from[r] : 0.0F;
    }
  }
}

template <class V>
void run_pack_weight_transposed(const PackedWeight& weight, const float* x, std::int64_t ld,
                                std::int64_t k, int panel_begin, int panel_end, float* data) {
  constexpr int kColumns = kPanelVectors * V::kWidth;
  for (int begin = 0; begin < weight.k; begin += weight.block) {
    const int length = weight.k - begin < weight.block ? weight.k - begin : weight.block;
    for (int p = panel_begin; p < panel_end; ++p) {
      float* to = data + (static_cast<std::int64_t>(begin) * weight.panels +
                          static_cast<std::int64_t>(p) * length) *
                             kColumns;
      const float* from = x + begin * ld + p * kColumns;
      for (int i = 0; i < length; ++i, to += kColumns, from += ld) VIT_UNROLL
      for (int j = 0; j < kPanelVectors; ++j) {
        const bool there = begin + i < k && p * kColumns + j * V::kWidth < weight.n;
        V::store(to + j * V::kWidth, there ? V::load(from + j * V::kWidth) : V::zero());
      }
    }
  }
}

}  // namespace vit::kernels
