#include "vit/kernels/attention.h"

#include <algorithm>

#include "kernels/attention/bf16_layout.h"
#include "kernels/attention/loops.h"

namespace vit::kernels {
namespace {

template <int W, int R>
struct AttentionShape {
  static constexpr int kWidth = W;
  static constexpr int kRows = R;
};

}  // namespace

bool multiplies_bf16_attention(Isa isa) { return isa >= Isa::kAmx; }

int attention_tile(Isa isa, bool bf16) { return bf16 ? kTileRows : gemm_shape(isa).rows; }

int attention_tiles(Isa isa, const AttentionCall& call) {
  const int tile = attention_tile(isa, call.bf16);
  return (call.queries + tile - 1) / tile;
}

void attention(Isa isa, const AttentionCall& call, int head, int tile_begin, int tile_end) {
  if (call.bf16) return amx::attention(call, head, tile_begin, tile_end);
  if (isa >= Isa::kAvx512) return avx512::attention(call, head, tile_begin, tile_end);
  if (isa == Isa::kAvx2) return avx2::attention(call, head, tile_begin, tile_end);
  portable::attention(call, head, tile_begin, tile_end);
}

std::int64_t attention_scratch(Isa isa, int keys, int d, int dv, bool bf16) {
  // Rows that are not packed need no more.
  if (bf16) return packed_attention_layout(keys, std::max(d, dv)).size;
  if (isa >= Isa::kAvx512) return attention_layout<AttentionShape<16, 8>>(keys, d, dv).size;
  if (isa == Isa::kAvx2) return attention_layout<AttentionShape<8, 4>>(keys, d, dv).size;
  return attention_layout<AttentionShape<4, 4>>(keys, d, dv).size;
}

}  // namespace vit::kernels
