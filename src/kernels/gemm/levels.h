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

/// Tiles of narrow rows that are worked on together.
inline constexpr int kNarrowChunk = 32;
/// Lines whose part of a panel stays in any processor's first cache level while all rows pass by.
inline constexpr int kNarrowLines = 12;
/// Panels that are summed side by side where all lines of the rows would leave the second level.
inline constexpr int kNarrowGroup = 6;
inline constexpr std::size_t kNarrowRowBytes = 1280 * 1024;
/// The most panels that are summed side by side where rows are split: a gate's and its value's.
inline constexpr int kSplitPanels = 2;

#define VIT_GEMM_LEVEL(level)                                                                 \
  namespace level {                                                                           \
  void gemm(const GemmCall& call);                                                            \
  void gemm_uint8(const GemmCall& call);                                                      \
  void pack_rows(const float* x, std::int64_t ld, const PackedRows& out, int begin, int end); \
  void pack_rows_transposed(const float* x, std::int64_t ld, std::int64_t k,                  \
                            const PackedRows& out);                                           \
  void pack_weight_transposed(const PackedWeight& weight, const float* x, std::int64_t ld,    \
                              std::int64_t k, int panel_begin, int panel_end, void* data);    \
  }
VIT_GEMM_LEVEL(portable)
VIT_GEMM_LEVEL(avx2)
VIT_GEMM_LEVEL(avx512)
#undef VIT_GEMM_LEVEL

/// Products of narrow operands, each for one format of rows.
namespace vnni {
void gemm_uint8(const GemmCall& call);
}
namespace bf16 {
void gemm_bf16(const GemmCall& call);
/// Of kBf16.
void pack_rows_both_ways(const float* x, std::int64_t ld, const PackedRows& rows,
                         const PackedRows& transposed, float* sums);
/// Of all formats of bfloat16. Numbers below 2^-126 become 0, as the products take them.
void pack_rows(const float* x, std::int64_t ld, const PackedRows& out, int begin, int end);
void pack_rows_transposed(const float* x, std::int64_t ld, std::int64_t k, const PackedRows& out);
void pack_weight_transposed(const PackedWeight& weight, const float* x, std::int64_t ld,
                            std::int64_t k, int panel_begin, int panel_end, void* data);
void pack_weight(const PackedWeight& weight, std::int64_t k, std::int64_t first, std::int64_t count,
                 const float* const* rows, void* data);
}  // namespace bf16
namespace amx {
void gemm_uint8(const GemmCall& call);
void gemm_bf16(const GemmCall& call);
void gemm_bf16_pair(const GemmCall& call);
void gemm_bf16_triple(const GemmCall& call);
}  // namespace amx

}  // namespace vit::kernels
