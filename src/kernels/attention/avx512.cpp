#include "kernels/vector/avx512.h"

#include "kernels/attention/loops.h"

namespace vit::kernels::avx512 {

void attention(const AttentionCall& call, int head, int tile_begin, int tile_end) {
  run_attention<Vector>(call, head, tile_begin, tile_end);
}

}  // namespace vit::kernels::avx512
