// The products by level; each is compiled with the flags of its level.
#pragma once

#include "vit/kernels/gemm.h"

namespace vit::kernels {

/// Tiles and panels that are worked on together: their block of rows, panels and sums fit into the
/// second cache level.
inline constexpr int kTileChunk = 64;
inline constexpr int kChunkColumns = 192;
/// Columns whose products share the sums of rows that Strassen's way makes.
inline constexpr int kStrassenColumns = 768;

#define VIT_GEMM_LEVEL(level)                                                                 \
  namespace level {                                                                           \
  void gemm(const GemmCall& call);                                                            \
  void pack_rows(const float* x, std::int64_t ld, const PackedRows& out, int begin, int end); \
  }
VIT_GEMM_LEVEL(portable)
VIT_GEMM_LEVEL(avx2)
VIT_GEMM_LEVEL(avx512)
#undef VIT_GEMM_LEVEL

}  // namespace vit::kernels
