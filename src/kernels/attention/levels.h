// Attention by level; each is compiled with the flags of its level.
#pragma once

#include "vit/kernels/attention.h"

namespace vit::kernels {

/// Floats of one block of attention weights, so that it stays in the second cache level.
inline constexpr int kWeightsBlock = 32768;
inline constexpr int kMostQueryTiles = 8;
/// Keys whose values are summed at once.
inline constexpr int kKeyBlock = 256;

namespace portable {
void attention(const AttentionCall& call, int head, int tile_begin, int tile_end);
}
namespace avx2 {
void attention(const AttentionCall& call, int head, int tile_begin, int tile_end);
}
namespace avx512 {
void attention(const AttentionCall& call, int head, int tile_begin, int tile_end);
}
namespace amx {
void attention(const AttentionCall& call, int head, int tile_begin, int tile_end);
}

}  // namespace vit::kernels
