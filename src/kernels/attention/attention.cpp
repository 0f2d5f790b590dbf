#include "vit/kernels/attention.h"

#include "kernels/attention/loops.h"

namespace vit::kernels {
namespace {

template <int W, int R>
struct AttentionShape {
  static constexpr int kWidth = W;
  static constexpr int kRows = R;
};

}  // namespace

void attention(Isa isa, const AttentionCall& call, int head, int tile_begin, int tile_end) {
  switch (isa) {
    case Isa::kPortable:
      return portable::attention(call, head, tile_begin, tile_end);
    case Isa::kAvx2:
      return avx2::attention(call, head, tile_begin, tile_end);
    case Isa::kAvx512:
      return avx512::attention(call, head, tile_begin, tile_end);
  }
}

std::int64_t attention_scratch(Isa isa, int keys, int d, int dv) {
  switch (isa) {
    case Isa::kPortable:
      break;
    case Isa::kAvx2:
      return attention_layout<AttentionShape<8, 4>>(keys, d, dv).size;
    case Isa::kAvx512:
      return attention_layout<AttentionShape<16, 8>>(keys, d, dv).size;
  }
  return attention_layout<AttentionShape<4, 4>>(keys, d, dv).size;
}

}  // namespace vit::kernels
