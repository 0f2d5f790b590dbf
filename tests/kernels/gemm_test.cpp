#include <algorithm>
#include <cmath>

#include "kernels/levels.h"

namespace vit::kernels {
namespace {

/// One product with everything that it owns.
struct Product {
  Product(const Level& level_, int m_, int n_, int k_, bool gated_ = false)
      : level(level_), m(m_), n(n_), k(k_), gated(gated_) {
    x = normals(std::int64_t{m} * k, 1);
    w = normals(std::int64_t{n} * k, 2);
    bias = normals(n, 3);
    pack();
  }

  void pack() {
    const auto isa = level.isa;
    const int columns = gemm_shape(isa).columns;
    // Rows of x as pack_rows() wants them: padded with zeros.
    std::vector<float> wide(static_cast<std::size_t>(m * padded(k)), 0.0F);
    for (int r = 0; r < m; ++r)
      for (int c = 0; c < k; ++c) wide[r * padded(k) + c] = x[r * k + c];
    a.assign(packed_size(isa, m, k), NAN);
    call.a = packed_rows(isa, a.data(), m, k);
    level.pack_rows(wide.data(), padded(k), call.a, 0, call.a.tiles);

    // A gated weight: whole panels of gates and values in turn.
    std::vector<const float*> rows;
    std::vector<float> biases;
    const auto add = [&](int row, int end) {
      for (int c = 0; c < columns; ++c) {
        rows.push_back(row + c < end ? &w[(row + c) * k] : nullptr);
        biases.push_back(row + c < end ? bias[row + c] : 0.0F);
      }
    };
    const int half = n / 2;
    for (int c = 0; c < (gated ? padded(half) : padded(n)); c += columns) {
      add(c, gated ? half : n);
      if (gated) add(half + c, n);
    }
    call.weight = packed_weight(isa, n, k, gated, format);
    if (strassen) call.weight = strassen_weight(isa, call.weight);
    // An odd number of panels becomes even.
    while (rows.size() < static_cast<std::size_t>(call.weight.panels * columns)) add(0, 0);
    packed_bias = biases;
    call.weight.scale = scale.data();
    weight.assign(packed_size(isa, call.weight), NAN);
    pack_weight(isa, call.weight, k, 0, static_cast<std::int64_t>(rows.size()), rows.data(),
                weight.data());
    call.weight.data = weight.data();
    call.weight.bias = packed_bias.data();
    call.panel_end = call.weight.panels;
    call.epilogue.gated = gated;
    scratch.assign(gemm_scratch(isa, call.weight), NAN);
    call.scratch = scratch.data();
  }

  int out_columns() const { return gated ? n / 2 : n; }

  /// Row-major [m, padded(out_columns())].
  std::vector<float> run_rows() {
    std::vector<float> out(m * padded(out_columns()), NAN);
    call.epilogue.rows = out.data();
    call.epilogue.ld = padded(out_columns());
    level.gemm(call);
    return out;
  }

  /// The same, made of several calls of `step` panels each.
  std::vector<float> run_by_panels(int step) {
    std::vector<float> out(m * padded(out_columns()), NAN);
    call.epilogue.rows = out.data();
    call.epilogue.ld = padded(out_columns());
    const int panels = call.weight.panels;
    for (int p = 0; p < panels; p += step) {
      call.panel_begin = p;
      call.panel_end = std::min(p + step, panels);
      level.gemm(call);
    }
    return out;
  }

  /// a · wᵀ + bias in double, and the sum of the terms' sizes.
  std::pair<double, double> reference(int row, int column) const {
    double sum = bias[column], size = std::abs(bias[column]);
    for (int i = 0; i < k; ++i) {
      const double term = double{x[row * k + i]} * w[column * k + i];
      sum += term;
      size += std::abs(term);
    }
    return {sum, size};
  }

  /// What act(y) may be off: each of the additions rounds by 2^-24 of at most `size`.
  double tolerance(double size) const { return (std::min(k, 256) + 16) * 0x1p-24 * size + 1e-6; }

  const Level& level;
  int m, n, k;
  bool gated;
  WeightFormat format = WeightFormat::kFloat32;
  bool strassen = false;
  std::vector<float> x, w, bias, a, weight, packed_bias, scale, scratch;
  GemmCall call;
};

class GemmKernels : public KernelTest {};
VIT_EACH_LEVEL(GemmKernels);

TEST_P(GemmKernels, GiveTheReferencesSumsForOddSizes) {
  for (const int m : {1, 2, 4, 5, 8, 9, 33})
    for (const int n : {1, 10, 24, 25, 48, 100})
      for (const int k : {1, 8, 16, 17, 300, 600})
        for (const bool fast : {false, true}) {
          Product product(GetParam(), m, n, k);
          product.call.fast_last_row = fast;
          const auto out = product.run_rows();
          for (int r = 0; r < m; ++r)
            for (int c = 0; c < n; ++c) {
              const auto [sum, size] = product.reference(r, c);
              ASSERT_NEAR(out[r * padded(n) + c], sum, product.tolerance(size))
                  << m << " x " << n << " x " << k << " at " << r << ", " << c;
            }
          for (int r = 0; r < m; ++r)
            for (auto c = n; c < padded(n); ++c) ASSERT_EQ(out[r * padded(n) + c], 0.0F);
        }
}

TEST_P(GemmKernels, GiveTheSameBitsForNarrowWeightsAsForTheirValues) {
  constexpr int kN = 50, kK = 300;
  Product product(GetParam(), 9, kN, kK);
  // Whole numbers times a power of two: exact in either format.
  for (auto& w : product.w) w = std::clamp(std::round(w * 20.0F), -127.0F, 127.0F) / 64.0F;
  product.pack();
  const auto expected = product.run_rows();
  product.format = WeightFormat::kBf16;
  product.pack();
  EXPECT_EQ(product.run_rows(), expected);
}

TEST_P(GemmKernels, GiveTheReferencesSumsByStrassensProducts) {
  // Blocks of k that come in pairs on every level: 2, and more of them.
  for (const int k : {384, 768, 1536})
    for (const int m : {1, 5, 8, 9, 13, 21, 37, 600})
      for (const int n : {24, 30, 100, 1700})
        for (const bool gated : {false, true}) {
          // More tiles and panels than a chunk holds, once.
          if ((m == 600) != (n == 1700) || (m == 600 && (k > 384 || gated))) continue;
          Product product(GetParam(), m, n, k, gated);
          product.strassen = true;
          product.call.fast_last_row = true;
          product.call.epilogue.activation = gated ? Activation::kRelu : Activation::kIdentity;
          product.pack();
          if (!product.call.weight.strassen) continue;
          const auto out = product.run_rows();
          const int columns = product.out_columns();
          for (int r = 0; r<m; r += m> 100 ? 7 : 1)
            for (int c = 0; c < columns; ++c) {
              // Sums of rows and of weights are four times as large at most, and rounded once more.
              const auto [first, first_size] = product.reference(r, c);
              const double slack = 8.0 * product.tolerance(first_size);
              if (!gated) {
                ASSERT_NEAR(out[r * padded(columns) + c], first, slack)
                    << m << " x " << n << " x " << k << " at " << r << ", " << c;
                continue;
              }
              const auto [value, value_size] = product.reference(r, columns + c);
              ASSERT_NEAR(out[r * padded(columns) + c], std::max(first, 0.0) * value,
                          slack * (1 + std::abs(value)) +
                              8.0 * product.tolerance(value_size) * (1 + std::abs(first)))
                  << m << " x " << n << " x " << k << " at " << r << ", " << c;
            }
        }
}

TEST_P(GemmKernels, GiveTheSameBitsByStrassensProductsHoweverPanelsAreCut) {
  Product product(GetParam(), 37, 700, 384);
  product.strassen = true;
  product.pack();
  ASSERT_TRUE(product.call.weight.strassen);
  const auto whole = product.run_rows();
  EXPECT_EQ(product.run_by_panels(6), whole);
}

TEST_P(GemmKernels, RoundWeightsToTheNearestBfloat16) {
  Product product(GetParam(), 1, 6, 1);
  // Between 1 and the next, 1 + 2^-7: below the middle, the middle (to even),
  // above; the next middle (to even, up); a sign; an overflow.
  product.w = {1.0F + 0x1.8p-9F, 1.0F + 0x1p-8F,    1.0F + 0x1.8p-8F,
               1.0F + 0x3p-8F,   -1.0F - 0x1.8p-8F, 3.4e38F};
  product.x = {1.0F};
  product.bias.assign(6, 0.0F);
  product.format = WeightFormat::kBf16;
  product.pack();
  const auto out = product.run_rows();
  const std::vector<float> expected{1.0F,    1.0F, 1.0F + 0x1p-7F, 1.0F + 0x1p-6F, -1.0F - 0x1p-7F,
                                    INFINITY};
  EXPECT_EQ(std::vector<float>(out.begin(), out.begin() + 6), expected);
}

TEST_P(GemmKernels, WorkOnMoreTilesAndPanelsThanAChunkHolds) {
  Product product(GetParam(), 600, 450, 40);
  const auto out = product.run_rows();
  for (int r = 0; r < 600; r += 7)
    for (int c = 0; c < 450; ++c) {
      const auto [sum, size] = product.reference(r, c);
      ASSERT_NEAR(out[r * padded(450) + c], sum, product.tolerance(size)) << r << ", " << c;
    }
}

TEST_P(GemmKernels, ApplyActivationScaleAndAddendInThisOrder) {
  for (const auto activation : {Activation::kIdentity, Activation::kGelu, Activation::kGeluTanh,
                                Activation::kMish, Activation::kQuickGelu, Activation::kRelu,
                                Activation::kSigmoid, Activation::kSilu, Activation::kTanh}) {
    Product product(GetParam(), 7, 30, 20);
    const auto scale = normals(padded(30), 4), addend = normals(7 * padded(30), 5);
    product.call.epilogue.activation = activation;
    product.call.epilogue.scale = scale.data();
    product.call.epilogue.addend = addend.data();
    product.call.epilogue.addend_ld = padded(30);
    const auto out = product.run_rows();
    for (int r = 0; r < 7; ++r)
      for (int c = 0; c < 30; ++c) {
        const auto [sum, size] = product.reference(r, c);
        const auto expected =
            reference_activation(activation, sum) * scale[c] + addend[r * padded(30) + c];
        // No activation is steeper than 1.2; then come the roundings of scale and addend.
        const auto tolerance =
            1.2 * (product.tolerance(size) + 3e-7 * (1 + size)) * (1 + std::abs(scale[c])) + 1e-6;
        ASSERT_NEAR(out[r * padded(30) + c], expected, tolerance)
            << activation_name(activation) << " at " << r << ", " << c;
      }
  }
}

TEST_P(GemmKernels, MultiplyValuesByActivatedGates) {
  for (const int half : {5, 24, 31, 70}) {
    Product product(GetParam(), 6, 2 * half, 33, /*gated=*/true);
    product.call.epilogue.activation = Activation::kSilu;
    const auto out = product.run_rows();
    for (int r = 0; r < 6; ++r)
      for (int c = 0; c < half; ++c) {
        const auto [gate, gate_size] = product.reference(r, c);
        const auto [value, value_size] = product.reference(r, half + c);
        const auto expected = reference_activation(Activation::kSilu, gate) * value;
        const auto tolerance = 1.2 * product.tolerance(gate_size) * (1 + std::abs(value)) +
                               product.tolerance(value_size) * (1 + std::abs(gate)) +
                               1e-6 * (1 + std::abs(expected));
        ASSERT_NEAR(out[r * padded(half) + c], expected, tolerance) << r << ", " << c;
      }
  }
}

TEST_P(GemmKernels, WritePackedRowsThatTheNextProductReads) {
  for (const bool gated : {false, true}) {
    Product product(GetParam(), 11, 300, 20, gated);
    const int columns = product.out_columns();
    product.call.epilogue.activation = Activation::kGelu;
    auto rows = product.run_rows();
    std::vector<float> expected(packed_size(GetParam().isa, 11, columns));
    auto packed = packed_rows(GetParam().isa, expected.data(), 11, columns);
    GetParam().pack_rows(rows.data(), padded(columns), packed, 0, packed.tiles);

    std::vector<float> found(expected.size(), NAN);
    product.call.epilogue.packed = packed_rows(GetParam().isa, found.data(), 11, columns);
    GetParam().gemm(product.call);
    // Rows beyond the eleventh may hold anything.
    const int tile = gemm_shape(GetParam().isa).rows;
    const int last = 11 / tile;
    for (int k = 0; k < packed.k; ++k)
      for (int t = 0; t < packed.tiles; ++t) {
        const int block = k / packed.block * packed.block;
        const int length = std::min(packed.block, packed.k - block);
        const auto at = (block * packed.tiles + t * length + k - block) * tile;
        for (int r = 0; r < (t == last ? 11 % tile : tile); ++r)
          ASSERT_EQ(found[at + r], expected[at + r]) << "tile " << t << ", column " << k;
      }
  }
}

TEST_P(GemmKernels, GiveARowTheSameBitsWhateverStandsBesideIt) {
  Product all(GetParam(), 37, 100, 600);
  const auto together = all.run_rows();
  for (const int m : {1, 3, 4, 5, 12}) {
    Product few(GetParam(), m, 100, 600);
    const auto out = few.run_rows();
    for (int i = 0; i < m * padded(100); ++i) ASSERT_EQ(out[i], together[i]) << m << " rows";
  }
}

TEST_P(GemmKernels, GiveTheSameBitsHoweverPanelsAreCut) {
  Product product(GetParam(), 9, 700, 300);
  const auto whole = product.run_rows();
  EXPECT_EQ(product.run_by_panels(3), whole);
}

TEST_P(GemmKernels, WriteNothingBeyondTheRowsThatAreThere) {
  Product product(GetParam(), 5, 16, 16);
  std::vector<float> out(9 * 16, 7.0F);
  product.call.epilogue.rows = out.data();
  product.call.epilogue.ld = 16;
  GetParam().gemm(product.call);
  for (std::size_t i = 5 * 16; i < out.size(); ++i) ASSERT_EQ(out[i], 7.0F);
}

}  // namespace
}  // namespace vit::kernels
