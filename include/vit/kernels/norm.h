// LayerNorm and RmsNorm over rows in float32.
#pragma once

#include <cstdint>

#include "vit/core/isa.h"
#include "vit/kernels/gemm.h"

namespace vit::kernels {

/// (x − mean) / √(variance + eps) · gain + bias, or x / √(mean of squares + eps) · gain.
struct NormCall {
  const float* x = nullptr;  ///< `[rows, groups, cols]`; row r's group g: x[r · ld + g · cols]
  std::int64_t ld = 0;
  int groups = 1;  ///< that are normalised each for itself, such as heads
  int cols = 0;
  const float* gain = nullptr;  ///< [padded(cols)], or null: 1
  const float* bias = nullptr;  ///< [padded(cols)], or null: 0
  float eps = 0.0F;
  bool rms = false;

  PackedRows packed;  ///< where `packed.data` is not null; one group

  float* rows = nullptr;  ///< else, laid out as x; may be x
  std::int64_t rows_ld = 0;
  const float* addend = nullptr;  ///< added, laid out as `rows`, may be `rows`; or null
};

/// Rows `[row_begin, row_end)`. With packed output `row_begin` begins a tile, and rows of the last
/// tile beyond `row_end` become zero.
void norm(Isa isa, const NormCall& call, int row_begin, int row_end);

}  // namespace vit::kernels
