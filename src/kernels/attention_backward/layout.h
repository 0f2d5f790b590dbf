// The scratch memory of attention's gradient in bfloat16: operands as AMX's tiles, of 16 rows of 64
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/vector/inline.h"
#include "vit/kernels/attention.h"

namespace vit::kernels {

inline constexpr int kQueryBlock = 32;  ///< rows whose scores are worked on together

/// Offsets in bytes.
struct AttentionBackwardLayout {
  static constexpr std::size_t kTile = 1024;

  int tiles = 0;    ///< of 16 tokens, an even number
  int lines = 0;    ///< of 32 tokens
  int d_tiles = 0;  ///< of 16 columns
  int d_lines = 0;  ///< of 32 columns
  int span = 0;     ///< tokens in whole lines
  /// Right operands [tile][line]: kᵀ, vᵀ; k; weights and gradients of scores, both by pairs of
  /// queries.
  std::size_t k_turned = 0, v_turned = 0, k_pairs = 0, weights = 0, dscores = 0;
  /// Left operands [tile][line]: of a block's queries q, dout and gradients of scores; qᵀ, doutᵀ.
  std::size_t q_rows = 0, dout_rows = 0, dscores_rows = 0, q_turned = 0, dout_turned = 0;
  /// In float32: a block's scores and gradients of weights [32][span]; what comes out, turned over
  /// [d][span] or as a block's rows [32][d].
  std::size_t scores = 0, dweights = 0, out = 0;
  std::size_t size = 0;
};

VIT_INLINE AttentionBackwardLayout attention_backward_layout(int tokens, int d) {
  AttentionBackwardLayout l;
  l.lines = (tokens + 31) / 32;
  l.tiles = 2 * l.lines;
  l.d_tiles = (d + 15) / 16;
  l.d_lines = (d + 31) / 32;
  l.span = 32 * l.lines;
  const auto take = [&](int tiles, int lines) {
    const auto at = l.size;
    l.size += static_cast<std::size_t>(tiles) * static_cast<std::size_t>(lines) * l.kTile;
    return at;
  };
  l.k_turned = take(l.tiles, l.d_lines);
  l.v_turned = take(l.tiles, l.d_lines);
  l.k_pairs = take(l.d_tiles, l.lines);
  l.weights = take(l.tiles, l.lines);
  l.dscores = take(l.tiles, l.lines);
  l.q_rows = take(2, l.d_lines);
  l.dout_rows = take(2, l.d_lines);
  l.dscores_rows = take(2, l.lines);
  l.q_turned = take(l.d_tiles, l.lines);
  l.dout_turned = take(l.d_tiles, l.lines);
  // A tile of sums is as large as one of operands.
  l.scores = take(2, l.tiles);
  l.dweights = take(2, l.tiles);
  l.out = take(l.d_tiles, l.tiles);
  return l;
}

namespace amx {
void attention_backward(const AttentionBackward& call);
}

}  // namespace vit::kernels
