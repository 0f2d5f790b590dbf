// softmax(q kᵀ · scale) v, a block of queries at a time: the matrix of weights is never
// whole in memory.
#pragma once

#include <cstdint>
#include <numeric>

#include "vit/core/isa.h"
#include "vit/kernels/gemm.h"

namespace vit::kernels {

/// Rows of all heads: row r's head h begins at data[r · ld + column(h)].
struct HeadRows {
  const float* data = nullptr;
  std::int64_t ld = 0;
  std::int64_t group_stride = 0;  ///< columns from a group of heads to the next
  int group = 1;                  ///< adjacent heads
  std::int64_t head_stride = 0;   ///< columns from a head to the next of its group
  /// In place of `data`, for AttentionCall::bf16, and then for q, k and v alike: rows of kBf16,
  /// with d = dv. Head h begins at column `first` + column(h), which is congruent to h · dv modulo
  /// kPackedLine. A query's value that is not finite makes NaN also of the other heads that share
  /// its line, in the same row.
  PackedRows packed = {};
  std::int64_t first = 0;

  std::int64_t column(int head) const {
    return head / group * group_stride + head % group * head_stride;
  }
};

/// Values in a line of packed rows of kBf16.
inline constexpr std::int64_t kPackedLine = 32;
/// The number of adjacent heads of d columns that fill whole lines.
constexpr int packed_group(std::int64_t d) {
  return static_cast<int>(kPackedLine / std::gcd(d, kPackedLine));
}

struct AttentionCall {
  HeadRows q, k, v;
  int queries = 0, keys = 0;
  int d = 0;   ///< columns of a head of q and k
  int dv = 0;  ///< of v
  float scale = 0.0F;
  /// Rounds the factors of both products to bfloat16. Requires a positive scale and a level that
  /// multiplies them (multiplies_bf16_attention); not supported with `weights`.
  bool bf16 = false;

  /// Where `packed.data` is not null: head h's columns begin at h · dv. Whole numbers are of a
  /// fixed scale.
  PackedRows packed;

  float* rows = nullptr;  ///< else row r's head h goes to rows[r · ld + h · dv]
  std::int64_t ld = 0;

  /// Where it is not null, there is no product with v: the queries' weights, times
  /// `weights_factor`, are added to [queries, ≥ keys], and nothing else is written.
  float* weights = nullptr;
  std::int64_t weights_ld = 0;
  float weights_factor = 1.0F;

  float* scratch = nullptr;  ///< attention_scratch() floats of the calling thread
};

/// Whether the level has attention in bfloat16.
bool multiplies_bf16_attention(Isa isa);

/// Queries of a tile.
int attention_tile(Isa isa, bool bf16);
/// Tiles of all queries of a call.
int attention_tiles(Isa isa, const AttentionCall& call);

/// Tiles of queries `[tile_begin, tile_end)` of one head. A query's
/// result does not depend on which tiles come with it.
void attention(Isa isa, const AttentionCall& call, int head, int tile_begin, int tile_end);

/// The gradient of attention in bfloat16, of one head whose rows are its queries and its keys.
struct AttentionBackward {
  /// [tokens, d] in bfloat16, from row to row `ld`.
  const std::uint16_t *q = nullptr, *k = nullptr, *v = nullptr;
  std::int64_t ld = 0;
  const float* dout = nullptr;  ///< [tokens, d]
  std::int64_t dout_ld = 0;
  float *dq = nullptr, *dk = nullptr, *dv = nullptr;  ///< [tokens, d]
  std::int64_t dqkv_ld = 0;
  int tokens = 0;
  int d = 0;  ///< a multiple of kPadding
  float scale = 0.0F;
  float* scratch = nullptr;  ///< attention_backward_scratch() floats, at a cache line
};

/// Where the level multiplies_bf16_attention.
void attention_backward(const AttentionBackward& call);
std::int64_t attention_backward_scratch(int tokens, int d);

/// Of a call with these `keys`, `d` and `dv`.
std::int64_t attention_scratch(Isa isa, int keys, int d, int dv, bool bf16 = false);

}  // namespace vit::kernels
