// How the scratch memory of attention in bfloat16 is laid out: operands as AMX's tiles of 16 rows
// of 64 bytes.
#pragma once

#include "kernels/vector/inline.h"
#include "vit/kernels/attention.h"

namespace vit::kernels {

inline constexpr int kTileRows = 16;    ///< of queries; columns of keys or of v's columns too
inline constexpr int kTileValues = 32;  ///< of the dimension that is summed over
static_assert(kTileValues == kPackedLine);
inline constexpr int kTileFloats = 256;
/// Tiles of queries that are worked on together, so that keys and values are read once for them.
inline constexpr int kQueryTiles = 2;

struct Bf16AttentionLayout {
  int key_tiles = 0;
  int d_lines = 0;    ///< kTileValues of d
  int key_lines = 0;  ///< kTileValues of keys
  int v_tiles = 0;    ///< kTileRows columns of v
  int span = 0;       ///< keys, whole lines
  int width = 0;      ///< columns of v, whole tiles
  /// Offsets in floats. Of k, v, q and weights [tile][line].
  std::int64_t k = 0, v = 0, q = 0, scores = 0, weights = 0, out = 0, size = 0;
};

VIT_INLINE Bf16AttentionLayout bf16_attention_layout(int keys, int d, int dv) {
  Bf16AttentionLayout l;
  l.key_tiles = (keys + kTileRows - 1) / kTileRows;
  l.d_lines = (d + kTileValues - 1) / kTileValues;
  l.key_lines = (keys + kTileValues - 1) / kTileValues;
  l.v_tiles = (dv + kTileRows - 1) / kTileRows;
  l.span = l.key_lines * kTileValues;
  l.width = l.v_tiles * kTileRows;
  l.v = std::int64_t{l.key_tiles} * l.d_lines * kTileFloats;
  l.q = l.v + std::int64_t{l.v_tiles} * l.key_lines * kTileFloats;
  l.scores = l.q + std::int64_t{kQueryTiles} * l.d_lines * kTileFloats;
  l.weights = l.scores + std::int64_t{kQueryTiles} * kTileRows * l.span;
  l.out = l.weights + std::int64_t{kQueryTiles} * l.key_lines * kTileFloats;
  l.size = l.out + std::int64_t{kQueryTiles} * kTileRows * l.width;
  return l;
}

/// The layout for a head in packed rows, with room for the most lines that one can touch.
VIT_INLINE Bf16AttentionLayout packed_attention_layout(int keys, int d) {
  const int last_offset = kTileValues - kTileValues / packed_group(d);
  const int lines = (last_offset + d + kTileValues - 1) / kTileValues;
  auto layout = bf16_attention_layout(keys, lines * kTileValues, lines * kTileValues);
  layout.size += kTileRows;  // a head's last vector may end behind its last line
  return layout;
}

}  // namespace vit::kernels
