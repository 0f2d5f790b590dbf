// The gradient of a head's attention by AMX. Weights are made again from queries and keys, 32
// queries at a time:
//   s = q kᵀ,  p = softmax(scale s),  dp = dout vᵀ,  ds = scale p (dp − Σ p dp),  dq = ds k
// and, once those of all queries stand side by side,
//   dvᵀ = doutᵀ p,  dkᵀ = qᵀ ds.
// So p and ds are written as they come, two rows of them to a row of pairs.
#include "kernels/vector/amx.h"

#include "kernels/attention_backward/layout.h"
#include "kernels/vector/avx512.h"
#include "kernels/vector/bf16.h"

namespace vit::kernels::amx {
namespace {

using V = avx512::Vector;
using bf16::kSide;

constexpr std::size_t kLine = 64;
constexpr std::size_t kTile = AttentionBackwardLayout::kTile;
constexpr float kLog2E = 1.44269504088896341F;

/// Tiles [tile][line].
struct Operand {
  const std::byte* data = nullptr;
  int lines = 0;

  VIT_INLINE Operand from(int tile) const {
    return {data + static_cast<std::size_t>(tile * lines) * kTile, lines};
  }
};

/// M × N tiles of a · b.
template <int M, int N>
__attribute__((noinline)) void multiply(Operand a, Operand b, float* out, std::int64_t ld) {
  clear_tile<0>();
  if constexpr (N == 2) clear_tile<1>();
  if constexpr (M == 2) clear_tile<2>();
  if constexpr (M == 2 && N == 2) clear_tile<3>();
  const auto *a1 = a.from(1).data, *b1 = b.from(1).data;
  for (std::size_t line = 0; line < static_cast<std::size_t>(a.lines) * kTile; line += kTile) {
    load_tile<4>(a.data + line, kLine);
    load_tile<6>(b.data + line, kLine);
    add_product_of_bf16<0, 4, 6>();
    if constexpr (M == 2) {
      load_tile<5>(a1 + line, kLine);
      add_product_of_bf16<2, 5, 6>();
    }
    if constexpr (N == 2) {
      load_tile<7>(b1 + line, kLine);
      add_product_of_bf16<1, 4, 7>();
    }
    if constexpr (M == 2 && N == 2) add_product_of_bf16<3, 5, 7>();
  }
  const auto stride = static_cast<std::size_t>(ld) * sizeof(float);
  store_tile<0>(out, stride);
  if constexpr (N == 2) store_tile<1>(out + kSide, stride);
  if constexpr (M == 2) store_tile<2>(out + kSide * ld, stride);
  if constexpr (M == 2 && N == 2) store_tile<3>(out + kSide * ld + kSide, stride);
}

void multiply_all(Operand a, int a_tiles, Operand b, int b_tiles, float* out, std::int64_t ld) {
  for (int m = 0; m < a_tiles; m += 2)
    for (int n = 0; n < b_tiles; n += 2) {
      float* to = out + m * kSide * ld + n * kSide;
      const bool two_rows = m + 1 < a_tiles, two_columns = n + 1 < b_tiles;
      if (two_rows && two_columns)
        multiply<2, 2>(a.from(m), b.from(n), to, ld);
      else if (two_rows)
        multiply<2, 1>(a.from(m), b.from(n), to, ld);
      else if (two_columns)
        multiply<1, 2>(a.from(m), b.from(n), to, ld);
      else
        multiply<1, 1>(a.from(m), b.from(n), to, ld);
    }
}

struct Loops {
  const AttentionBackward& call;
  const AttentionBackwardLayout layout = attention_backward_layout(call.tokens, call.d);

  VIT_INLINE std::byte* part(std::size_t offset) const {
    return reinterpret_cast<std::byte*>(call.scratch) + offset;
  }
  VIT_INLINE float* floats(std::size_t offset) const {
    return reinterpret_cast<float*>(part(offset));
  }
  VIT_INLINE std::byte* tile(std::size_t offset, int tile, int lines, int line) const {
    return part(offset) + static_cast<std::size_t>(tile * lines + line) * kTile;
  }

  /// 32 columns of a row of bfloat16, or of `dout`; zero beyond the last row and column.
  VIT_INLINE __m512i line_of(const std::uint16_t* rows, int row, int column) const {
    if (row >= call.tokens) return _mm512_setzero_si512();
    const auto* from = rows + row * call.ld + column;
    if (call.d - column >= 32) return _mm512_loadu_si512(from);
    return _mm512_zextsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  VIT_INLINE __m512i dout_line(int row, int column) const {
    if (row >= call.tokens) return _mm512_setzero_si512();
    const float* from = call.dout + row * call.dout_ld + column;
    return bf16::joined(V::load(from), bf16::load_part(from + kSide, call.d - column - kSide));
  }

  /// 16 columns of two rows, as pairs.
  VIT_INLINE __m512i pairs_of(const std::uint16_t* rows, int row, int column) const {
    const auto load = [&](int r) {
      if (r >= call.tokens) return _mm256_setzero_si256();
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + r * call.ld + column));
    };
    return bf16::interleaved(load(row), load(row + 1));
  }
  VIT_INLINE __m512i dout_pairs(int row, int column) const {
    const auto load = [&](int r) {
      return r < call.tokens ? V::load(call.dout + r * call.dout_ld + column) : V::zero();
    };
    return bf16::interleaved(load(row), load(row + 1));
  }

  /// The right operand of a product over d: rows of k or v, turned over.
  void pack_turned(const std::uint16_t* rows, std::size_t to) const {
    for (int t = 0; t < layout.tiles; ++t)
      for (int line = 0; line < layout.d_lines; ++line) {
        __m512i block[kSide];
        VIT_UNROLL
        for (int i = 0; i < kSide; ++i) block[i] = line_of(rows, t * kSide + i, line * 32);
        bf16::store_turned(block, tile(to, t, layout.d_lines, line), kLine);
      }
  }

  /// Operands of products over tokens: `pairs(row, column)` as they are (on the right), or turned
  /// over (on the left).
  template <class F>
  VIT_INLINE void pack_over_tokens(const F& pairs, std::size_t to, bool turned) const {
    for (int t = 0; t < layout.d_tiles; ++t)
      for (int line = 0; line < layout.lines; ++line) {
        __m512i block[kSide];
        VIT_UNROLL
        for (int g = 0; g < kSide; ++g) block[g] = pairs(line * 32 + 2 * g, t * kSide);
        auto* out = tile(to, t, layout.lines, line);
        if (turned)
          bf16::store_turned(block, out, kLine);
        else
          bf16::store_block(block, out);
      }
  }

  void pack_queries(int first) const {
    for (int i = 0; i < kQueryBlock; ++i)
      for (int line = 0; line < layout.d_lines; ++line) {
        const auto at = static_cast<std::size_t>(i % kSide) * kLine;
        _mm512_storeu_si512(tile(layout.q_rows, i / kSide, layout.d_lines, line) + at,
                            line_of(call.q, first + i, line * 32));
        _mm512_storeu_si512(tile(layout.dout_rows, i / kSide, layout.d_lines, line) + at,
                            dout_line(first + i, line * 32));
      }
  }

  /// What a row's weights are made of: e^(scale s − …) stands in place of its scores.
  struct Row {
    __m512 factor;  ///< one over the sum
    __m512 mean;    ///< Σ p dp
  };

  /// Scores times `factor`; beyond the last key of a weight of 0.
  VIT_INLINE __m512 scaled(const float* scores, int k, __m512 factor) const {
    return bf16::without_lanes_from(V::mul(V::load(scores + k), factor), call.tokens - k);
  }

  VIT_INLINE Row softmax(float* scores, const float* dweights) const {
    const __m512 factor = V::set1(call.scale * kLog2E);
    __m512 most = scaled(scores, 0, factor);
    for (int k = kSide; k < call.tokens; k += kSide) most = V::max(most, scaled(scores, k, factor));
    most = V::set1(V::maximum(most));
    __m512 total = V::zero(), product = V::zero();
    for (int k = 0; k < layout.span; k += kSide) {
      const __m512 e = bf16::exp2_of_negative(V::sub(scaled(scores, k, factor), most));
      V::store(scores + k, e);
      total = V::add(total, e);
      product = V::fma(e, V::load(dweights + k), product);
    }
    const float inverse = 1.0F / V::sum(total);
    return {V::set1(inverse), V::set1(V::sum(product) * inverse)};
  }

  /// Of two rows of a block: weights and gradients of scores, as operands.
  VIT_INLINE void write_pair(int block, int row, const Row& even, const Row& odd) const {
    const __m512 scale = V::set1(call.scale);
    float* scores = floats(layout.scores) + row * layout.span;
    const float* dweights = floats(layout.dweights) + row * layout.span;
    const auto in_pairs = static_cast<std::size_t>(row / 2) * kLine;
    const auto in_rows = static_cast<std::size_t>(row % kSide) * kLine;
    for (int k = 0; k < layout.span; k += 32) {
      __m512 ds[2][2];
      VIT_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int at = k + half * kSide;
        const __m512 p0 = V::mul(V::load(scores + at), even.factor);
        const __m512 p1 = V::mul(V::load(scores + layout.span + at), odd.factor);
        ds[0][half] = V::mul(V::mul(p0, scale), V::sub(V::load(dweights + at), even.mean));
        ds[1][half] =
            V::mul(V::mul(p1, scale), V::sub(V::load(dweights + layout.span + at), odd.mean));
        _mm512_storeu_si512(tile(layout.weights, at / kSide, layout.lines, block) + in_pairs,
                            bf16::interleaved(p0, p1));
        _mm512_storeu_si512(tile(layout.dscores, at / kSide, layout.lines, block) + in_pairs,
                            bf16::interleaved(ds[0][half], ds[1][half]));
      }
      auto* rows = tile(layout.dscores_rows, row / kSide, layout.lines, k / 32) + in_rows;
      _mm512_storeu_si512(rows, bf16::joined(ds[0][0], ds[0][1]));
      _mm512_storeu_si512(rows + kLine, bf16::joined(ds[1][0], ds[1][1]));
    }
  }

  void run_block(int block) const {
    const int first = block * kQueryBlock;
    float *scores = floats(layout.scores), *dweights = floats(layout.dweights);
    pack_queries(first);
    multiply_all({part(layout.q_rows), layout.d_lines}, 2, {part(layout.k_turned), layout.d_lines},
                 layout.tiles, scores, layout.span);
    multiply_all({part(layout.dout_rows), layout.d_lines}, 2,
                 {part(layout.v_turned), layout.d_lines}, layout.tiles, dweights, layout.span);
    for (int row = 0; row < kQueryBlock; row += 2) {
      const auto even = softmax(scores + row * layout.span, dweights + row * layout.span);
      const auto odd =
          softmax(scores + (row + 1) * layout.span, dweights + (row + 1) * layout.span);
      write_pair(block, row, even, odd);
    }
    const Operand rows{part(layout.dscores_rows), layout.lines};
    const Operand keys{part(layout.k_pairs), layout.lines};
    float* dq = call.dq + first * call.dqkv_ld;
    if (first + kQueryBlock <= call.tokens)
      return multiply_all(rows, 2, keys, layout.d_tiles, dq, call.dqkv_ld);
    float* out = floats(layout.out);
    multiply_all(rows, 2, keys, layout.d_tiles, out, layout.d_tiles * kSide);
    for (int r = 0; first + r < call.tokens; ++r)
      for (int c = 0; c < call.d; c += kSide)
        V::store(dq + r * call.dqkv_ld + c, V::load(out + r * layout.d_tiles * kSide + c));
  }

  /// [d][span] to rows of d.
  void write_turned(float* to) const {
    const float* out = floats(layout.out);
    alignas(64) float block[kSide][kSide];
    for (int c = 0; c < call.d; c += kSide)
      for (int token = 0; token < call.tokens; token += kSide) {
        __m512i rows[kSide];
        VIT_UNROLL
        for (int i = 0; i < kSide; ++i)
          rows[i] = _mm512_loadu_si512(out + (c + i) * layout.span + token);
        float* at = to + token * call.dqkv_ld + c;
        const int left = call.tokens - token;
        if (left >= kSide) {
          bf16::store_turned(rows, at, call.dqkv_ld * static_cast<std::int64_t>(sizeof(float)));
          continue;
        }
        bf16::store_turned(rows, block, static_cast<std::int64_t>(kLine));
        for (int i = 0; i < left; ++i) V::store(at + i * call.dqkv_ld, V::load(block[i]));
      }
  }

  void run() const {
    const auto q_pairs = [&](int row, int column) { return pairs_of(call.q, row, column); };
    const auto k_pairs = [&](int row, int column) { return pairs_of(call.k, row, column); };
    const auto from_dout = [&](int row, int column) { return dout_pairs(row, column); };
    pack_turned(call.k, layout.k_turned);
    pack_turned(call.v, layout.v_turned);
    pack_over_tokens(k_pairs, layout.k_pairs, /*turned=*/false);
    pack_over_tokens(q_pairs, layout.q_turned, /*turned=*/true);
    pack_over_tokens(from_dout, layout.dout_turned, /*turned=*/true);
    configure_tiles();
    for (int block = 0; block < layout.lines; ++block) run_block(block);
    multiply_all({part(layout.dout_turned), layout.lines}, layout.d_tiles,
                 {part(layout.weights), layout.lines}, layout.tiles, floats(layout.out),
                 layout.span);
    write_turned(call.dv);
    multiply_all({part(layout.q_turned), layout.lines}, layout.d_tiles,
                 {part(layout.dscores), layout.lines}, layout.tiles, floats(layout.out),
                 layout.span);
    write_turned(call.dk);
    release_tiles();
  }
};

}  // namespace

void attention_backward(const AttentionBackward& call) { Loops{call}.run(); }

}  // namespace vit::kernels::amx
