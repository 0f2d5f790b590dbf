// What a training step needs beside products and the forward pass's kernels: gradients of norms,
// softmax and GELU, sums over rows, and rows kept in bfloat16. Counts of columns are multiples of
// kPadding.
#pragma once

#include <cstdint>

#include "vit/core/isa.h"
#include "vit/kernels/gemm.h"

namespace vit::kernels {

/// The gradient of a LayerNorm over rows [rows, cols] that lie one after the other.
struct NormBackward {
  const float* x = nullptr;     ///< what was normalised
  const float* gain = nullptr;  ///< [cols]
  const float* bias = nullptr;  ///< [cols]
  float eps = 0.0F;
  int cols = 0;
  const float* dy = nullptr;      ///< of what came out
  const float* addend = nullptr;  ///< is added to dx
  float* dx = nullptr;            ///< may be dy or addend
  float* y = nullptr;             ///< what came out, made again
  float* dgain = nullptr;         ///< [cols], added to
  float* dbias = nullptr;         ///< [cols], added to
};
void norm_backward(Isa isa, const NormBackward& call, std::int64_t rows);

/// y = GELU(x) by erf; dy becomes the gradient of x. `near`: with an error of up to
/// 6e-4 · max(1, |x| / 8), where what comes of both is rounded to bfloat16.
void gelu_backward(Isa isa, const float* x, std::int64_t count, float* y, float* dy,
                   bool near = false);

/// softmax(scale · scores) over keys and its gradient, of a matrix that has a row a key:
/// [keys, ld] of `queries` columns. What is beyond them becomes zero.
struct SoftmaxBackward {
  float* scores = nullptr;    ///< become the weights
  float* dweights = nullptr;  ///< gradients of the weights become those of the scores
  std::int64_t ld = 0;        ///< a multiple of kPadding
  int keys = 0, queries = 0;
  float scale = 0.0F;
};
void softmax_backward(Isa isa, const SoftmaxBackward& call);

/// sums[c] += Σ x[r · ld + c] over the rows, in their order.
void add_column_sums(Isa isa, const float* x, std::int64_t ld, std::int64_t rows,
                     std::int64_t columns, float* sums);

/// out = x + factor · y; x null: nothing is added.
void add_scaled(Isa isa, const float* x, const float* y, float factor, std::int64_t count,
                float* out);

/// To the nearest bfloat16 and back; `count` is a multiple of kPadding.
void narrow_to_bf16(Isa isa, const float* x, std::int64_t count, std::uint16_t* out);
void widen_bf16(Isa isa, const std::uint16_t* x, std::int64_t count, float* out);

}  // namespace vit::kernels
