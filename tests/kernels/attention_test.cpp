#include <cmath>

#include "kernels/levels.h"

namespace vit::kernels {
namespace {

struct Case {
  int queries, keys, heads, d, dv;
};

/// Rows `[keys or queries, ld]` of q, k and v, and the call over them.
struct Attention {
  Attention(const Level& level_, const Case& c) : level(level_), shape(c) {
    q = normals(std::int64_t{c.queries} * c.heads * c.d, 1);
    k = normals(std::int64_t{c.keys} * c.heads * c.d, 2);
    v = normals(std::int64_t{c.keys} * c.heads * c.dv, 3);
    call.q = {q.data(), std::int64_t{c.heads} * c.d, c.d};
    call.k = {k.data(), std::int64_t{c.heads} * c.d, c.d};
    call.v = {v.data(), std::int64_t{c.heads} * c.dv, c.dv};
    call.queries = c.queries;
    call.keys = c.keys;
    call.d = c.d;
    call.dv = c.dv;
    call.scale = static_cast<float>(1.5 / std::sqrt(c.d));
    scratch.assign(attention_scratch(level.isa, c.keys, c.d, c.dv), NAN);
    call.scratch = scratch.data();
  }

  int tiles() const {
    const int rows = gemm_shape(level.isa).rows;
    return (shape.queries + rows - 1) / rows;
  }

  std::vector<float> run_rows() {
    std::vector<float> out(shape.queries * shape.heads * shape.dv, NAN);
    call.rows = out.data();
    call.ld = std::int64_t{shape.heads} * shape.dv;
    for (int h = 0; h < shape.heads; ++h) level.attention(call, h, 0, tiles());
    return out;
  }

  std::vector<double> reference(int query, int head) const {
    std::vector<double> scores(shape.keys), out(shape.dv, 0.0);
    double most = -1e300, total = 0.0;
    for (int i = 0; i < shape.keys; ++i) {
      double dot = 0.0;
      for (int c = 0; c < shape.d; ++c)
        dot += double{q[(query * shape.heads + head) * shape.d + c]} *
               k[(i * shape.heads + head) * shape.d + c];
      scores[i] = dot * call.scale;
      most = std::max(most, scores[i]);
    }
    for (auto& score : scores) total += score = std::exp(score - most);
    for (int i = 0; i < shape.keys; ++i)
      for (int c = 0; c < shape.dv; ++c)
        out[c] += scores[i] / total * v[(i * shape.heads + head) * shape.dv + c];
    return out;
  }

  const Level& level;
  Case shape;
  std::vector<float> q, k, v, scratch;
  AttentionCall call;
};

constexpr Case kCases[] = {{1, 1, 1, 8, 8},      {1, 50, 2, 64, 64},  {17, 17, 3, 8, 8},
                           {50, 50, 2, 72, 72},  {9, 33, 2, 5, 11},   {37, 37, 2, 16, 32},
                           {70, 300, 1, 32, 32}, {6, 600, 1, 88, 24}, {5, 48, 1, 16, 16},
                           {9, 64, 2, 16, 16},   {3, 112, 1, 16, 48}};

// Weights sum to one and values are at most 4.5: a score's error of 64 · 2^-24 · 8 in the exponent
// is the largest share.
constexpr double kAttentionTolerance = 1e-5;

class AttentionKernels : public KernelTest {};
VIT_EACH_LEVEL(AttentionKernels);

TEST_P(AttentionKernels, GiveTheReferencesSumsForOddSizes) {
  for (const auto& c : kCases) {
    Attention attention(GetParam(), c);
    const auto out = attention.run_rows();
    for (int h = 0; h < c.heads; ++h)
      for (int query = 0; query < c.queries; ++query) {
        const auto expected = attention.reference(query, h);
        for (int i = 0; i < c.dv; ++i)
          ASSERT_NEAR(out[(query * c.heads + h) * c.dv + i], expected[i], kAttentionTolerance)
              << c.queries << " queries, " << c.keys << " keys, d " << c.d << ", head " << h;
      }
  }
}

TEST_P(AttentionKernels, WritePackedRows) {
  for (const auto& c : kCases) {
    Attention attention(GetParam(), c);
    const auto isa = GetParam().isa;
    const int columns = c.heads * c.dv, tile = gemm_shape(isa).rows;
    const auto rows = attention.run_rows();
    std::vector<float> found(packed_size(isa, c.queries, columns), NAN);
    const auto packed = packed_rows(isa, found.data(), c.queries, columns);
    attention.call.packed = packed;
    for (int h = 0; h < c.heads; ++h) attention.level.attention(attention.call, h, 0, packed.tiles);
    for (int r = 0; r < c.queries; ++r)
      for (int k = 0; k < columns; ++k) {
        const int block = k / packed.block * packed.block;
        const int length = std::min(packed.block, packed.k - block);
        const auto at = (block * packed.tiles + r / tile * length + k - block) * tile + r % tile;
        ASSERT_EQ(found[at], rows[r * columns + k]) << "row " << r << ", column " << k;
      }
  }
}

TEST_P(AttentionKernels, GiveAQueryTheSameBitsWhateverTilesComeWithIt) {
  const Case c{70, 130, 1, 24, 40};
  Attention attention(GetParam(), c);
  const auto together = attention.run_rows();
  auto alone = std::vector<float>(together.size(), NAN);
  attention.call.rows = alone.data();
  for (int t = attention.tiles() - 1; t >= 0; --t)
    attention.level.attention(attention.call, 0, t, t + 1);
  EXPECT_EQ(alone, together);
}

TEST_P(AttentionKernels, StandLargeScores) {
  Attention attention(GetParam(), {5, 20, 1, 16, 16});
  attention.call.scale = 1000.0F;
  const auto out = attention.run_rows();
  for (int query = 0; query < 5; ++query) {
    const auto expected = attention.reference(query, 0);
    // One weight is one, the others nothing.
    for (int i = 0; i < 16; ++i) EXPECT_NEAR(out[query * 16 + i], expected[i], 1e-5);
  }
}

}  // namespace
}  // namespace vit::kernels
