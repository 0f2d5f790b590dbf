// The kernels of training against double precision, and packed operands against those of a matrix
// that was turned over first.
#include "vit/kernels/training.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/levels.h"
#include "vit/kernels/attention.h"

namespace vit::kernels {
namespace {

class TrainingKernels : public testing::TestWithParam<Isa> {};

std::vector<Isa> vector_levels() {
  std::vector<Isa> found;
  for (const auto isa : supported_isas())
    if (isa <= Isa::kAvx512) found.push_back(isa);
  return found;
}

std::string isa_of(const testing::TestParamInfo<Isa>& info) {
  return std::string(isa_name(info.param));
}

INSTANTIATE_TEST_SUITE_P(Levels, TrainingKernels, testing::ValuesIn(vector_levels()), isa_of);

// Values of size one; sums of a few hundred of them, with partial sums a few units large.
constexpr double kTolerance = 3e-6;

TEST_P(TrainingKernels, GiveTheGradientOfLayerNorm) {
  constexpr int kRows = 3;
  for (const int cols : {16, 48, 192}) {
    const auto x = normals(kRows * cols, 1), dy = normals(kRows * cols, 2), gain = normals(cols, 3),
               bias = normals(cols, 4), addend = normals(kRows * cols, 5);
    std::vector<float> dx(x.size(), NAN), y(x.size(), NAN), dgain(gain.size(), 1.0F),
        dbias(gain.size(), 2.0F);
    NormBackward call{x.data(),      gain.data(), bias.data(), 1e-6F,        cols,        dy.data(),
                      addend.data(), dx.data(),   y.data(),    dgain.data(), dbias.data()};
    norm_backward(GetParam(), call, kRows);
    std::vector<double> expected_dgain(cols, 1.0), expected_dbias(cols, 2.0);
    for (int r = 0; r < kRows; ++r) {
      const int first = r * cols;
      double mean = 0, square = 0, sum = 0, product = 0;
      for (int c = 0; c < cols; ++c) mean += x[first + c] / double{cols * 1.0};
      for (int c = 0; c < cols; ++c) square += std::pow(x[first + c] - mean, 2) / cols;
      const double inverse = 1.0 / std::sqrt(square + 1e-6);
      std::vector<double> z(cols), g(cols);
      for (int c = 0; c < cols; ++c) {
        z[c] = (x[first + c] - mean) * inverse;
        g[c] = double{dy[first + c]} * gain[c];
        sum += g[c] / cols;
        product += g[c] * z[c] / cols;
        expected_dgain[c] += dy[first + c] * z[c];
        expected_dbias[c] += dy[first + c];
      }
      for (int c = 0; c < cols; ++c) {
        EXPECT_NEAR(y[first + c], z[c] * gain[c] + bias[c], kTolerance);
        EXPECT_NEAR(dx[first + c], addend[first + c] + inverse * (g[c] - sum - z[c] * product),
                    kTolerance);
      }
    }
    for (int c = 0; c < cols; ++c) {
      EXPECT_NEAR(dgain[c], expected_dgain[c], kTolerance);
      EXPECT_NEAR(dbias[c], expected_dbias[c], kTolerance);
    }
  }
}

TEST_P(TrainingKernels, GiveTheGradientOfGelu) {
  std::vector<float> x, dy;
  for (int i = 0; i < 1600; ++i) {
    x.push_back(static_cast<float>(i - 800) / 64.0F);
    dy.push_back(i % 2 == 0 ? 1.0F : -0.5F);
  }
  auto dx = dy;
  std::vector<float> y(x.size(), NAN);
  gelu_backward(GetParam(), x.data(), std::ssize(x), y.data(), dx.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = x[i], cdf = 0.5 * std::erfc(-v / std::sqrt(2.0)),
                 pdf = std::exp(-0.5 * v * v) / std::sqrt(2.0 * M_PI);
    // The error function's error, of up to 3e-7, times x.
    EXPECT_NEAR(y[i], v * cdf, 3e-7 * std::max(1.0, std::abs(v))) << v;
    EXPECT_NEAR(dx[i], dy[i] * (cdf + v * pdf), 1e-6) << v;
  }
}

TEST_P(TrainingKernels, GiveTheGradientOfGeluNearly) {
  std::vector<float> x;
  for (int i = 0; i < 1600; ++i) x.push_back(static_cast<float>(i - 800) / 64.0F);
  std::vector<float> y(x.size(), NAN), dx(x.size(), 1.0F);
  gelu_backward(GetParam(), x.data(), std::ssize(x), y.data(), dx.data(), /*near=*/true);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = x[i], cdf = 0.5 * std::erfc(-v / std::sqrt(2.0)),
                 pdf = std::exp(-0.5 * v * v) / std::sqrt(2.0 * M_PI);
    EXPECT_NEAR(y[i], v * cdf, 3e-4 * std::max(1.0, std::abs(v) / 8)) << v;
    EXPECT_NEAR(dx[i], cdf + v * pdf, 6e-4 * std::max(1.0, std::abs(v) / 8)) << v;
  }
}

TEST_P(TrainingKernels, GiveTheGradientOfSoftmax) {
  constexpr double kScale = 0.7;
  for (const int tokens : {1, 5, 16, 50, 197}) {
    const auto ld = padded(tokens);
    const auto scores = normals(tokens * ld, 1), dweights = normals(tokens * ld, 2);
    auto weights = scores, dscores = dweights;
    softmax_backward(GetParam(), {weights.data(), dscores.data(), ld, tokens, tokens,
                                  static_cast<float>(kScale)});
    for (int q = 0; q < ld; ++q) {
      double total = 0, mean = 0;
      std::vector<double> e(tokens);
      for (int k = 0; k < tokens; ++k) total += e[k] = std::exp(kScale * scores[k * ld + q]);
      for (int k = 0; k < tokens; ++k) mean += e[k] / total * dweights[k * ld + q];
      for (int k = 0; k < tokens; ++k) {
        const bool there = q < tokens;
        const double weight = there ? e[k] / total : 0.0;
        EXPECT_NEAR(weights[k * ld + q], weight, 3e-7);
        EXPECT_NEAR(dscores[k * ld + q], weight * kScale * (dweights[k * ld + q] - mean), 1e-6);
      }
    }
  }
}

TEST_P(TrainingKernels, AddRowsAndColumns) {
  constexpr int kRows = 5, kColumns = 48;
  const auto x = normals(kRows * kColumns, 1), y = normals(kRows * kColumns, 2);
  std::vector<float> sums(kColumns, 1.0F), out(x.size(), NAN);
  add_column_sums(GetParam(), x.data(), kColumns, kRows, kColumns, sums.data());
  for (int c = 0; c < kColumns; ++c) {
    float expected = 1.0F;  // in the same order: the same bits
    for (int r = 0; r < kRows; ++r) expected += x[r * kColumns + c];
    EXPECT_EQ(sums[c], expected);
  }
  add_scaled(GetParam(), x.data(), y.data(), 0.3F, std::ssize(x), out.data());
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(out[i], x[i] + 0.3 * y[i], 3e-7);
  add_scaled(GetParam(), nullptr, y.data(), 0.5F, std::ssize(x), out.data());
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(out[i], 0.5F * y[i]);
}

TEST_P(TrainingKernels, KeepRowsInBfloat16) {
  const auto x = normals(64, 1);
  std::vector<std::uint16_t> narrow(x.size());
  std::vector<float> wide(x.size());
  narrow_to_bf16(GetParam(), x.data(), std::ssize(x), narrow.data());
  widen_bf16(GetParam(), narrow.data(), std::ssize(x), wide.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(wide[i]), std::uint32_t{narrow[i]} << 16U);
    EXPECT_LE(std::abs(wide[i] - x[i]), std::abs(x[i]) / 256);
  }
}

TEST(AttentionBackward, IsThatOfTheHeadInBfloat16) {
  if (!multiplies_bf16_attention(detect_isa())) GTEST_SKIP() << "no AMX";
  for (const auto& [tokens, d] : {std::pair{5, 16}, {50, 32}, {64, 48}, {197, 64}, {33, 80}}) {
    SCOPED_TRACE(std::to_string(tokens) + " tokens of " + std::to_string(d));
    constexpr int kHeads = 2, kHead = 1;  // the second of two
    const std::int64_t dim = kHeads * d, ld = 3 * dim;
    const double scale = 1.3 / std::sqrt(d);
    const auto values = normals(tokens * ld, 1), dout = normals(tokens * dim, 2);
    std::vector<std::uint16_t> qkv(values.size());
    narrow_to_bf16(Isa::kPortable, values.data(), std::ssize(values), qkv.data());
    std::vector<float> dqkv(values.size(), NAN),
        scratch(attention_backward_scratch(tokens, d) + 16);
    auto* aligned = scratch.data();
    while (reinterpret_cast<std::uintptr_t>(aligned) % 64 != 0) ++aligned;
    AttentionBackward call;
    call.q = qkv.data() + kHead * d;
    call.k = call.q + dim;
    call.v = call.k + dim;
    call.ld = call.dqkv_ld = ld;
    call.dout = dout.data() + kHead * d;
    call.dout_ld = dim;
    call.dq = dqkv.data() + kHead * d;
    call.dk = call.dq + dim;
    call.dv = call.dk + dim;
    call.tokens = tokens;
    call.d = d;
    call.scale = static_cast<float>(scale);
    call.scratch = aligned;
    attention_backward(call);

    const auto at = [&](int which, int token, int c) -> double {
      const auto bits = std::uint32_t{qkv[token * ld + which * dim + kHead * d + c]} << 16U;
      return std::bit_cast<float>(bits);
    };
    const auto given = [&](int token, int c) { return double{dout[token * dim + kHead * d + c]}; };
    std::vector<double> expected(3 * tokens * d, 0.0);  // [which][token][column]
    for (int q = 0; q < tokens; ++q) {
      std::vector<double> p(tokens, 0.0), dp(tokens, 0.0);
      double total = 0, mean = 0;
      for (int k = 0; k < tokens; ++k) {
        for (int c = 0; c < d; ++c) {
          p[k] += scale * at(0, q, c) * at(1, k, c);
          dp[k] += given(q, c) * at(2, k, c);
        }
        total += p[k] = std::exp(p[k]);
      }
      for (int k = 0; k < tokens; ++k) mean += (p[k] /= total) * dp[k];
      for (int k = 0; k < tokens; ++k)
        for (int c = 0; c < d; ++c) {
          const double ds = scale * p[k] * (dp[k] - mean);
          expected[q * d + c] += ds * at(1, k, c);
          expected[(tokens + k) * d + c] += ds * at(0, q, c);
          expected[(2 * tokens + k) * d + c] += p[k] * given(q, c);
        }
    }
    for (int which = 0; which < 3; ++which) {
      double most = 0, error = 0;
      for (int token = 0; token < tokens; ++token)
        for (int c = 0; c < d; ++c) {
          const double wanted = expected[(which * tokens + token) * d + c];
          most = std::max(most, std::abs(wanted));
          error =
              std::max(error, std::abs(dqkv[token * ld + which * dim + kHead * d + c] - wanted));
        }
      // Factors of both products are rounded to bfloat16, 2^-9 of each.
      EXPECT_LE(error, 1e-2 * most) << "qkv"[which];
    }
    for (int token = 0; token < tokens; ++token)
      EXPECT_TRUE(std::isnan(dqkv[token * ld])) << "the first head is another's";
  }
}

/// x [k, columns] and its transpose, whose rows are zero beyond k.
struct TurnedOver {
  TurnedOver(std::int64_t k, std::int64_t columns)
      : x(normals(k * columns, 1)), ld(padded(k) + kPadding), turned(columns * ld, 0.0F) {
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t c = 0; c < columns; ++c) turned[c * ld + i] = x[i * columns + c];
  }
  std::vector<float> x;
  std::int64_t ld;
  std::vector<float> turned;
};

std::vector<std::pair<Isa, WeightFormat>> packed_levels() {
  std::vector<std::pair<Isa, WeightFormat>> found;
  for (const auto isa : supported_isas()) {
    found.emplace_back(isa, WeightFormat::kFloat32);
    if (row_format(isa, WeightFormat::kBf16) == RowFormat::kBf16)
      found.emplace_back(isa, WeightFormat::kBf16);
    if (isa < Isa::kAmx) continue;
    found.emplace_back(isa, WeightFormat::kBf16Pair);
    found.emplace_back(isa, WeightFormat::kBf16Triple);
  }
  return found;
}

TEST(TransposedOperands, AreThoseOfTheMatrixTurnedOver) {
  for (const auto& [isa, format] : packed_levels())
    for (const std::int64_t k : {1, 31, 50, 64, 400})
      for (const std::int64_t columns : {16, 48, 96, 208}) {
        SCOPED_TRACE(std::string(isa_name(isa)) + ", format " +
                     std::to_string(static_cast<int>(format)) + ", " + std::to_string(k) + " x " +
                     std::to_string(columns));
        const TurnedOver matrix(k, columns);
        const auto rows_format = row_format(isa, format);
        std::vector<float> rows(packed_size(isa, columns, k, rows_format), NAN), expected = rows;
        pack_rows_transposed(isa, matrix.x.data(), columns, k,
                             packed_rows(isa, rows.data(), columns, k, rows_format));
        const auto packed = packed_rows(isa, expected.data(), columns, k, rows_format);
        pack_rows(isa, matrix.turned.data(), matrix.ld, packed, 0, packed.tiles);
        EXPECT_EQ(std::memcmp(rows.data(), expected.data(), rows.size() * sizeof(float)), 0);

        std::vector<float> straight(packed_size(isa, k, columns, rows_format), 0.0F),
            both = straight, sums(columns, 0.5F), expected_sums = sums,
            transposed(rows.size(), NAN);
        std::vector<float> wide(k * (columns + kPadding), 0.0F);
        for (std::int64_t i = 0; i < k; ++i)
          std::copy_n(&matrix.x[i * columns], columns, &wide[i * (columns + kPadding)]);
        const auto ld = columns + kPadding;
        const auto as_rows = packed_rows(isa, straight.data(), k, columns, rows_format);
        pack_rows(isa, wide.data(), ld, as_rows, 0, as_rows.tiles);
        add_column_sums(isa, wide.data(), ld, k, columns, expected_sums.data());
        pack_rows_both_ways(
            isa, wide.data(), ld, packed_rows(isa, both.data(), k, columns, rows_format),
            packed_rows(isa, transposed.data(), columns, k, rows_format), sums.data());
        EXPECT_EQ(std::memcmp(straight.data(), both.data(), both.size() * sizeof(float)), 0);
        EXPECT_EQ(std::memcmp(transposed.data(), expected.data(), rows.size() * sizeof(float)), 0);
        EXPECT_EQ(sums, expected_sums);

        const auto weight = packed_weight(isa, columns, k, false, format);
        std::vector<std::byte> values(packed_size(isa, weight) * sizeof(float), std::byte{0xff}),
            wanted = values;
        pack_weight_transposed(isa, weight, matrix.x.data(), columns, k, 0, weight.panels,
                               values.data());
        std::vector<const float*> pointers;
        for (std::int64_t c = 0; c < columns; ++c)
          pointers.push_back(matrix.turned.data() + c * matrix.ld);
        pack_weight(isa, weight, k, 0, columns, pointers.data(), wanted.data());
        EXPECT_EQ(values, wanted);
      }
}

}  // namespace
}  // namespace vit::kernels
