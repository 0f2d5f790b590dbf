// Products of operands of fewer than 32 bits, and attention in bfloat16.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/gemm/levels.h"
#include "kernels/gemm/split_rows.h"
#include "kernels/levels.h"
#include "vit/core/random.h"

namespace vit::kernels {
namespace {

struct Narrow {
  Isa isa = Isa::kPortable;
  WeightFormat format = WeightFormat::kBf16;
};

std::string narrow_name(const testing::TestParamInfo<Narrow>& info) {
  static const char* formats[] = {"float32", "bf16", "bf16_pair", "bf16_triple", "int8"};
  return std::string(isa_name(info.param.isa)) + "_" + formats[static_cast<int>(info.param.format)];
}

/// Every level of this machine with every format that it has products for.
std::vector<Narrow> narrow_levels() {
  std::vector<Narrow> found;
  for (const auto isa : supported_isas()) {
    if (row_format(isa, WeightFormat::kBf16) != RowFormat::kFloat32)
      found.push_back({isa, WeightFormat::kBf16});
    found.push_back({isa, WeightFormat::kInt8});
    if (isa >= Isa::kAmx) {
      found.push_back({isa, WeightFormat::kBf16Pair});
      found.push_back({isa, WeightFormat::kBf16Triple});
    }
  }
  return found;
}

float rounded_to_bf16(float x) {
  auto bits = std::bit_cast<std::uint32_t>(x);
  bits += 0x7fffU + ((bits >> 16U) & 1U);
  return std::bit_cast<float>(bits & 0xffff0000U);
}

/// What a row of kUint8 holds at column k.
std::uint8_t& whole_number(const PackedRows& rows, int row, int k) {
  return reinterpret_cast<std::uint8_t*>(
      rows.data)[((row / 16 * (rows.k / 64) + k / 64) * 16 + row % 16) * 64 + k % 64];
}

/// One product with everything that it owns.
struct NarrowProduct {
  NarrowProduct(const Narrow& level_, int m_, int n_, int k_, bool gated_ = false)
      : level(level_), m(m_), n(n_), k(k_), gated(gated_) {
    x = normals(std::int64_t{m} * k, 1);
    w = normals(std::int64_t{n} * k, 2);
    bias = normals(n, 3);
    pack();
  }

  void pack() {
    const auto isa = level.isa;
    call.weight = packed_weight(isa, n, k, gated, level.format);
    const auto reads = call.weight.reads;
    const int columns = gemm_shape(isa, reads).columns;
    std::vector<float> wide(static_cast<std::size_t>(m * padded(k)), 0.0F);
    for (int r = 0; r < m; ++r)
      for (int c = 0; c < k; ++c) wide[r * padded(k) + c] = x[r * k + c];
    a.assign(packed_size(isa, m, k, reads), NAN);
    call.a = packed_rows(isa, a.data(), m, k, reads);
    pack_rows(isa, wide.data(), padded(k), call.a, 0, call.a.tiles);

    std::vector<const float*> rows;
    biases.clear();
    scale.clear();
    const auto add = [&](int row, int end) {
      for (int c = 0; c < columns; ++c) {
        const bool there = row + c < end;
        rows.push_back(there ? &w[(row + c) * k] : nullptr);
        biases.push_back(there ? bias[row + c] : 0.0F);
        scale.push_back(there ? weight_scale(row + c) : 1.0F);
      }
    };
    const int half = n / 2;
    for (int c = 0; c < (gated ? padded(half) : padded(n)); c += columns) {
      add(c, gated ? half : n);
      if (gated) add(half + c, n);
    }
    row_sum.assign(rows.size(), NAN);
    call.weight.scale = scale.data();
    call.weight.row_sum = has_scales(reads) ? row_sum.data() : nullptr;
    weight.assign(packed_size(isa, call.weight) * sizeof(float), 0xff);
    pack_weight(isa, call.weight, k, 0, static_cast<std::int64_t>(rows.size()), rows.data(),
                weight.data());
    call.weight.data = weight.data();
    call.weight.bias = biases.data();
    call.panel_end = call.weight.panels;
    call.epilogue.gated = gated;
    scratch.assign(gemm_scratch(isa, call.weight), NAN);
    call.scratch = scratch.data();

    row_values.resize(x.size());
    for (int r = 0; r < m; ++r)
      for (int i = 0; i < k; ++i) row_values[r * k + i] = row_value(r, i);
    weight_values.resize(w.size());
    for (int r = 0; r < n; ++r) {
      const float s = weight_scale(r);
      for (int i = 0; i < k; ++i) weight_values[r * k + i] = weight_value(w[r * k + i], s);
    }
  }

  float weight_scale(int row) const {
    float most = 0.0F;
    for (int i = 0; i < k; ++i) most = std::max(most, std::abs(w[row * k + i]));
    return most / 127.0F;
  }

  int out_columns() const { return gated ? n / 2 : n; }

  /// Row-major [m, padded(out_columns())].
  std::vector<float> run_rows(int step = 0) {
    std::vector<float> out(m * padded(out_columns()), NAN);
    call.epilogue.rows = out.data();
    call.epilogue.ld = padded(out_columns());
    const int panels = call.weight.panels;
    for (int p = 0; p<panels; p += step> 0 ? step : panels) {
      call.panel_begin = p;
      call.panel_end = step > 0 ? std::min(p + step, panels) : panels;
      gemm(level.isa, call);
    }
    return out;
  }

  /// The value that stands for x[row][i]. What was quantised is read from the packed rows.
  double row_value(int row, int i) const {
    const float value = x[row * k + i];
    if (level.format == WeightFormat::kBf16) return rounded_to_bf16(value);
    if (keeps_values()) return value;
    return double{call.a.scales[row].offset} +
           double{call.a.scales[row].scale} * whole_number(call.a, row, i);
  }

  double weight_value(float value, float row_scale) const {
    if (level.format == WeightFormat::kBf16) return rounded_to_bf16(value);
    if (keeps_values()) return value;
    return double{row_scale} * std::nearbyint(value / row_scale);
  }

  /// a · wᵀ + bias in double, and the sum of the terms' sizes.
  std::pair<double, double> reference(int row, int column) const {
    double sum = bias[column], size = std::abs(bias[column]);
    for (int i = 0; i < k; ++i) {
      const double term = row_values[row * k + i] * weight_values[column * k + i];
      sum += term;
      size += std::abs(term);
    }
    return {sum, size};
  }

  bool keeps_values() const {
    return level.format != WeightFormat::kBf16 && level.format != WeightFormat::kInt8;
  }

  /// Sums of floats round as in float32, also those of a triple's products; a pair drops 2^-16 of a
  /// factor, and the product of both second parts, 2^-18.
  double tolerance(double size) const {
    const double rounding = (std::min(k, 256) + 16) * 0x1p-24;
    return (level.format == WeightFormat::kBf16Pair ? rounding + 0x1p-15 : rounding) * size + 1e-6;
  }

  Narrow level;
  int m, n, k;
  bool gated;
  std::vector<float> x, w, bias, a, biases, scale, row_sum, scratch;
  std::vector<std::uint8_t> weight;
  std::vector<double> row_values, weight_values;  // [m, k] and [n, k]: what the operands stand for
  GemmCall call;
};

class NarrowGemm : public testing::TestWithParam<Narrow> {};
INSTANTIATE_TEST_SUITE_P(Levels, NarrowGemm, testing::ValuesIn(narrow_levels()), narrow_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NarrowGemm);

TEST_P(NarrowGemm, GivesTheReferencesSumsForOddSizes) {
  for (const int m : {1, 5, 16, 17, 33, 50})
    for (const int n : {1, 16, 33, 100})
      for (const int k : {1, 16, 33, 64, 300, 600}) {
        NarrowProduct product(GetParam(), m, n, k);
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

TEST(TripleGemm, IsAsExactAsASumInFloat32) {
  if (supported_isas().back() < Isa::kAmx) GTEST_SKIP() << "this machine has no AMX";
  for (const int k : {100, 768, 3072}) {
    NarrowProduct product({Isa::kAmx, WeightFormat::kBf16Triple}, 40, 96, k);
    const auto out = product.run_rows();
    double error = 0.0, plain_error = 0.0;
    for (int r = 0; r < product.m; ++r)
      for (int c = 0; c < product.n; ++c) {
        const auto [sum, size] = product.reference(r, c);
        // Half of what the least of the products that are made may amount to, of one term.
        EXPECT_NEAR(out[r * padded(96) + c], sum, 0x1p-22 * size) << r << ", " << c;
        float plain = product.bias[c];
        for (int i = 0; i < k; ++i) plain += product.x[r * k + i] * product.w[c * k + i];
        error = std::max(error, std::abs(out[r * padded(96) + c] - sum) / size);
        plain_error = std::max(plain_error, std::abs(plain - sum) / size);
      }
    EXPECT_LE(error, plain_error) << k;
  }
}

TEST(TripleRows, LoseNothing) {
  // With the smallest whose last bits are still bfloat16, and the largest that have one.
  auto x = normals(3 * padded(50), 7);
  x[0] = 0x1.fffffep-100F;
  x[1] = -0x1.fefffep127F;
  x[2] = 0x1.000002p0F;
  for (const auto isa : supported_isas()) {
    std::vector<float> memory(packed_size(isa, 3, 50, RowFormat::kBf16Triple), 0.0F);
    const auto rows = packed_rows(isa, memory.data(), 3, 50, RowFormat::kBf16Triple);
    pack_rows(isa, x.data(), padded(50), rows, 0, rows.tiles);
    std::vector<float> row(static_cast<std::size_t>(rows.k));
    for (int r = 0; r < 3; ++r) {
      unpack_row(rows, r, row.data());
      for (int c = 0; c < 50; ++c)
        EXPECT_EQ(row[c], x[r * padded(50) + c]) << isa_name(isa) << ": " << r << ", " << c;
    }
  }
}

/// Whichever panels read the rows together.
TEST_P(NarrowGemm, GivesTheSameBitsWhereRowsLeaveTheCache) {
  for (const bool gated : {false, true}) {
    NarrowProduct product(GetParam(), 300, 230, 4800, gated);
    const auto reads = product.call.weight.reads;
    const auto bytes = packed_size(GetParam().isa, 300, 4800, reads) * sizeof(float);
    if (splits_rows(GetParam().isa, reads)) {  // in chunks that fit
      ASSERT_GT(bytes, SplitSize::of(4800).numbers);
    } else {
      ASSERT_GT(bytes, kNarrowRowBytes);
    }
    const auto whole = product.run_rows();
    EXPECT_EQ(whole, product.run_rows(gated ? 2 : 1));
    product.call.tiles = 2;
    const auto few = product.run_rows();
    EXPECT_TRUE(
        std::equal(few.begin(), few.begin() + 32 * padded(product.out_columns()), whole.begin()));
  }
}

TEST_P(NarrowGemm, WorksOnMoreTilesThanAChunkHolds) {
  NarrowProduct product(GetParam(), 600, 70, 40);
  const auto out = product.run_rows();
  for (int r = 0; r < 600; r += 7)
    for (int c = 0; c < 70; ++c) {
      const auto [sum, size] = product.reference(r, c);
      ASSERT_NEAR(out[r * padded(70) + c], sum, product.tolerance(size)) << r << ", " << c;
    }
}

TEST_P(NarrowGemm, AppliesActivationScaleAndAddendInThisOrder) {
  NarrowProduct product(GetParam(), 7, 30, 20);
  const auto scale = normals(padded(30), 4), addend = normals(7 * padded(30), 5);
  product.call.epilogue.activation = Activation::kGelu;
  product.call.epilogue.scale = scale.data();
  product.call.epilogue.addend = addend.data();
  product.call.epilogue.addend_ld = padded(30);
  const auto out = product.run_rows();
  for (int r = 0; r < 7; ++r)
    for (int c = 0; c < 30; ++c) {
      const auto [sum, size] = product.reference(r, c);
      const auto expected =
          reference_activation(Activation::kGelu, sum) * scale[c] + addend[r * padded(30) + c];
      // GELU's own error: of pairs and triples as in float32.
      const double own =
          product.keeps_values() ? 3e-7 * (1 + size) : 2e-4 * std::max(1.0, std::abs(sum) / 8.0);
      const auto tolerance =
          1.2 * (product.tolerance(size) + own) * (1 + std::abs(scale[c])) + 1e-6;
      ASSERT_NEAR(out[r * padded(30) + c], expected, tolerance) << r << ", " << c;
    }
}

TEST_P(NarrowGemm, MultipliesValuesByActivatedGates) {
  for (const int half : {5, 32, 70}) {
    NarrowProduct product(GetParam(), 18, 2 * half, 33, /*gated=*/true);
    product.call.epilogue.activation = Activation::kSilu;
    const auto out = product.run_rows();
    for (int r = 0; r < 18; ++r)
      for (int c = 0; c < half; ++c) {
        const auto [gate, gate_size] = product.reference(r, c);
        const auto [value, value_size] = product.reference(r, half + c);
        const auto expected = reference_activation(Activation::kSilu, gate) * value;
        const auto tolerance = 1.2 * product.tolerance(gate_size) * (1 + std::abs(value)) +
                               product.tolerance(value_size) * (1 + std::abs(gate)) +
                               1e-6 * (1 + std::abs(expected));
        ASSERT_NEAR(out[r * padded(half) + c], expected, tolerance) << r << ", " << c;
      }
    EXPECT_EQ(product.run_rows(2), out);
  }
}

TEST_P(NarrowGemm, WritesPackedRowsThatTheNextProductReads) {
  const auto format = row_format(GetParam().isa, GetParam().format);
  if (has_scales(format)) return;  // a row must be whole before it is quantised
  constexpr int kRows = 21, kN = 100;
  const auto isa = GetParam().isa;
  NarrowProduct product(GetParam(), kRows, kN, 40);
  product.call.epilogue.activation = Activation::kGelu;
  const auto rows = product.run_rows();
  std::vector<float> expected(packed_size(isa, kRows, kN, format), 0.0F), found = expected;
  const auto packed = packed_rows(isa, expected.data(), kRows, kN, format);
  pack_rows(isa, rows.data(), padded(kN), packed, 0, packed.tiles);
  product.call.epilogue.packed = packed_rows(isa, found.data(), kRows, kN, format);
  gemm(isa, product.call);
  EXPECT_EQ(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)), 0);
}

TEST_P(NarrowGemm, GivesARowTheSameBitsWhateverStandsBesideIt) {
  NarrowProduct all(GetParam(), 50, 100, 600);
  const auto together = all.run_rows();
  for (const int m : {1, 5, 16, 17, 32}) {
    NarrowProduct few(GetParam(), m, 100, 600);
    const auto out = few.run_rows();
    for (int i = 0; i < m * padded(100); ++i) ASSERT_EQ(out[i], together[i]) << m << " rows";
  }
}

TEST_P(NarrowGemm, GivesTheSameBitsHoweverPanelsAreCut) {
  NarrowProduct product(GetParam(), 19, 500, 300);
  const auto whole = product.run_rows();
  EXPECT_EQ(product.run_rows(3), whole);
}

TEST_P(NarrowGemm, WritesNothingBeyondTheRowsThatAreThere) {
  NarrowProduct product(GetParam(), 5, 16, 16);
  std::vector<float> out(20 * 16, 7.0F);
  product.call.epilogue.rows = out.data();
  product.call.epilogue.ld = 16;
  gemm(GetParam().isa, product.call);
  for (std::size_t i = 5 * 16; i < out.size(); ++i) ASSERT_EQ(out[i], 7.0F);
}

TEST(NarrowGemm, SumsIntegersAlikeOnEveryLevel) {
  std::vector<float> first;
  for (const auto& level : narrow_levels()) {
    if (level.format != WeightFormat::kInt8) continue;
    NarrowProduct product(level, 33, 50, 700);
    // The largest sums of two products: where an instruction saturates, they show it.
    for (int r = 0; r < 2; ++r)
      for (int i = 0; i < product.k; ++i) product.x[r * product.k + i] = i == 0 ? 0.0F : 255.0F;
    for (int n = 0; n < 2; ++n)
      for (int i = 0; i < product.k; ++i) product.w[n * product.k + i] = n == 0 ? 1.0F : -1.0F;
    product.pack();
    // What becomes of the sums is a matter of the epilogue.
    product.call.weight.bias = nullptr;
    for (int r = 0; r < product.m; ++r) product.call.a.scales[r] = {1.0F, 0.0F};
    std::fill(product.scale.begin(), product.scale.end(), 1.0F);
    const auto out = product.run_rows();
    EXPECT_EQ(out[0], 255.0F * 127.0F * 699.0F);
    EXPECT_EQ(out[1], -255.0F * 127.0F * 699.0F);
    if (first.empty()) first = out;
    EXPECT_EQ(out, first) << isa_name(level.isa);
  }
}

/// How a row's numbers are spread. Pairs sum up to what is just safe, or just not, of numbers
/// without a sign and of numbers less 128.
enum class Spread { kAnything, kAboutTheMiddle, kNearZero, kLargest, kAtTheBounds, kKinds };

void draw_numbers(const PackedRows& rows, int row, Spread spread, Random& random) {
  const auto within = [&](double middle, double deviation) {
    return static_cast<int>(std::clamp(middle + deviation * random.normal(), 0.0, 255.0));
  };
  constexpr int kBounds[] = {127, 128, 129, 258, 259, 260, 383, 384, 385};
  for (int k = 0; k < rows.columns; k += 2) {
    int first = 255, second = 255;
    if (spread == Spread::kAnything) {
      first = static_cast<int>(random.below(256));
      second = static_cast<int>(random.below(256));
    } else if (spread == Spread::kAboutTheMiddle) {
      first = within(125.0, 45.0);
      second = within(125.0, 45.0);
    } else if (spread == Spread::kNearZero) {
      first = within(30.0, 60.0);
      second = within(30.0, 60.0);
    } else if (spread == Spread::kAtTheBounds) {
      const int sum = kBounds[random.below(std::size(kBounds))];
      first = std::clamp(within(sum / 2.0, 30.0), std::max(0, sum - 255), std::min(255, sum));
      second = sum - first;
    }
    whole_number(rows, row, k) = static_cast<std::uint8_t>(first);
    whole_number(rows, row, k + 1) = static_cast<std::uint8_t>(second);
  }
}

/// Whole rows and columns of an int8 product are the exact sums of whole numbers.
void expect_exact_sums(NarrowProduct& product, const std::vector<float>& out, int rows) {
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < product.n; ++c) {
      const float scale = product.weight_scale(c);
      std::int64_t sum = 0;
      for (int i = 0; i < product.k; ++i)
        sum += whole_number(product.call.a, r, i) *
               std::lround(product.weight_values[c * product.k + i] / scale);
      // A sum becomes the float that is nearest to it.
      ASSERT_EQ(out[r * padded(product.n) + c], static_cast<float>(sum)) << r << ", " << c;
    }
}

TEST(NarrowGemm, SumsIntegersExactlyHoweverTheyAreSpread) {
  // Blocks of lines and one more; a last line that is not whole; rows of which a single tile has
  // room where rows are split; and so many tiles that they take all the room there is.
  constexpr int kTiles = 5 * 16 + 5;
  for (const auto& [k, rows] : {std::pair{40, kTiles},
                                {832, kTiles},
                                {1216, kTiles},
                                {1571, kTiles},
                                {60000, 17},
                                {1280, kNarrowChunk * 16}})
    for (const auto& level : narrow_levels()) {
      if (level.format != WeightFormat::kInt8) continue;
      SCOPED_TRACE(std::string(isa_name(level.isa)) + ", " + std::to_string(k));
      NarrowProduct product(level, rows, rows > kTiles ? 3 : 34, k);
      // The largest weights there are, of both signs.
      for (int i = 0; i < k; ++i) {
        product.w[i] = 1.0F;
        product.w[k + i] = -1.0F;
      }
      product.pack();
      product.call.weight.bias = nullptr;
      std::fill(product.scale.begin(), product.scale.end(), 1.0F);
      Random random(static_cast<std::uint64_t>(k));
      for (int r = 0; r < rows; ++r) {
        // Tiles of one kind, and the last with all; or all as large as can be.
        const int kind = (r < kTiles - 5 ? r / 16 : r) % static_cast<int>(Spread::kKinds);
        draw_numbers(product.call.a, r,
                     rows > kTiles ? Spread::kLargest : static_cast<Spread>(kind), random);
        product.call.a.scales[r] = {1.0F, 0.0F};
      }
      // Nothing is written behind the scratch memory.
      constexpr float kMark = 17.0F;
      product.scratch.push_back(kMark);
      product.call.scratch = product.scratch.data();
      const auto out = product.run_rows();
      EXPECT_EQ(product.scratch.back(), kMark);
      expect_exact_sums(product, out, rows);
      EXPECT_EQ(product.run_rows(1), out);
      product.call.tiles = 1;
      expect_exact_sums(product, product.run_rows(), std::min(rows, 16));
    }
}

/// Rows of some format on a level, as bytes.
std::vector<std::uint8_t> packed_bytes(Isa isa, RowFormat format, const std::vector<float>& x,
                                       int rows, int columns) {
  std::vector<float> out(packed_size(isa, rows, columns, format), 0.0F);
  const auto packed = packed_rows(isa, out.data(), rows, columns, format);
  pack_rows(isa, x.data(), padded(columns), packed, 0, packed.tiles);
  std::vector<std::uint8_t> bytes(out.size() * sizeof(float));
  std::memcpy(bytes.data(), out.data(), bytes.size());
  return bytes;
}

TEST(NarrowRows, AreTheSameOnEveryLevel) {
  for (const int columns : {5, 40, 100, 768}) {
    auto x = normals(21 * padded(columns), 7);
    for (int r = 0; r < 21; ++r)
      for (auto c = columns; c < padded(columns); ++c) x[r * padded(columns) + c] = 0.0F;
    for (const auto format :
         {RowFormat::kBf16, RowFormat::kBf16Pair, RowFormat::kBf16Triple, RowFormat::kUint8}) {
      const auto expected = packed_bytes(Isa::kPortable, format, x, 21, columns);
      for (const auto isa : supported_isas())
        EXPECT_EQ(packed_bytes(isa, format, x, 21, columns), expected)
            << isa_name(isa) << ", " << columns << " columns, format " << static_cast<int>(format);
    }
  }
}

TEST(NarrowRows, ReachFromARowsLeastValueToItsLargest) {
  // Zeros up to whole paddings count.
  std::vector<float> x(3 * 16, 0.0F);
  for (int i = 0; i < 10; ++i) x[i] = static_cast<float>(i) - 4.0F;
  for (int i = 0; i < 16; ++i) x[16 + i] = 3.0F;
  std::vector<float> out(packed_size(Isa::kPortable, 3, 10, RowFormat::kUint8), 0.0F);
  const auto packed = packed_rows(Isa::kPortable, out.data(), 3, 10, RowFormat::kUint8);
  pack_rows(Isa::kPortable, x.data(), 16, packed, 0, packed.tiles);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(out.data());
  EXPECT_EQ(packed.scales[0].offset, -4.0F);
  EXPECT_FLOAT_EQ(packed.scales[0].scale, 9.0F / 255.0F);
  EXPECT_EQ(bytes[0], 0);
  EXPECT_EQ(bytes[9], 255);
  EXPECT_EQ(bytes[4], 113);  // 4 / 9 of 255
  for (const int row : {1, 2}) {
    // All alike: the offset says it all.
    EXPECT_EQ(packed.scales[row].offset, row == 1 ? 3.0F : 0.0F);
    EXPECT_EQ(packed.scales[row].scale, 1.0F);
    EXPECT_EQ(bytes[row * 64 + 3], 0);
  }
}

TEST(NarrowRows, OfAFixedScaleBecomeTheNearestNumbersThatItHas) {
  std::vector<float> x(16, 0.0F);
  x[1] = 0.5F, x[2] = -7.0F, x[3] = 100.0F, x[4] = 1.26F, x[5] = NAN;
  for (const auto isa : supported_isas()) {
    std::vector<float> out(packed_size(isa, 1, 16, RowFormat::kUint8), 0.0F);
    auto packed = packed_rows(isa, out.data(), 1, 16, RowFormat::kUint8);
    packed.fixed = {0.25F, -1.0F};
    pack_rows(isa, x.data(), 16, packed, 0, 1);
    EXPECT_EQ(whole_number(packed, 0, 0), 4);
    EXPECT_EQ(whole_number(packed, 0, 1), 6);
    EXPECT_EQ(whole_number(packed, 0, 2), 0);
    EXPECT_EQ(whole_number(packed, 0, 3), 255);
    EXPECT_EQ(whole_number(packed, 0, 4), 9);
    EXPECT_EQ(whole_number(packed, 0, 5), 0) << "one of them";
  }
}

TEST_P(NarrowGemm, WritesAndReadsRowsOfAFixedScale) {
  const auto isa = GetParam().isa;
  const auto format = row_format(isa, GetParam().format);
  if (!has_scales(format)) return;
  constexpr int kRows = 21, kN = 100;
  constexpr RowScale kFixed{0.05F, -3.0F};
  NarrowProduct product(GetParam(), kRows, kN, 40);
  product.call.epilogue.activation = Activation::kGelu;
  const auto rows = product.run_rows();
  std::vector<float> expected(packed_size(isa, kRows, kN, format), 0.0F), found = expected;
  const auto view = [&](std::vector<float>& memory) {
    auto packed = packed_rows(isa, memory.data(), kRows, kN, format);
    packed.fixed = kFixed;
    return packed;
  };
  const auto packed = view(expected);
  pack_rows(isa, rows.data(), padded(kN), packed, 0, packed.tiles);
  product.call.epilogue.packed = view(found);
  gemm(isa, product.call);
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < kN; ++c)
      ASSERT_EQ(whole_number(view(found), r, c), whole_number(packed, r, c)) << r << ", " << c;

  // The next product takes the numbers for what they stand for.
  NarrowProduct next(GetParam(), kRows, 30, kN);
  next.call.a = view(found);
  const auto out = next.run_rows();
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < 30; ++c) {
      double sum = next.bias[c], size = std::abs(sum);
      for (int i = 0; i < kN; ++i) {
        const double term =
            (double{kFixed.offset} + double{kFixed.scale} * whole_number(packed, r, i)) *
            next.weight_values[c * next.k + i];
        sum += term;
        size += std::abs(term);
      }
      ASSERT_NEAR(out[r * padded(30) + c], sum, next.tolerance(size)) << r << ", " << c;
    }
}

TEST(NarrowRows, PassOnWhatIsNoNumber) {
  for (const auto isa : supported_isas())
    for (const float bad : {NAN, INFINITY}) {
      std::vector<float> x(32, 1.0F);
      x[7] = bad;
      std::vector<float> out(packed_size(isa, 2, 16, RowFormat::kUint8), 0.0F);
      const auto packed = packed_rows(isa, out.data(), 2, 16, RowFormat::kUint8);
      pack_rows(isa, x.data(), 16, packed, 0, packed.tiles);
      EXPECT_TRUE(std::isnan(packed.scales[0].scale)) << isa_name(isa);
      EXPECT_FALSE(std::isnan(packed.scales[1].scale)) << isa_name(isa);
      if (std::isinf(bad)) continue;
      const auto bytes = packed_bytes(isa, RowFormat::kBf16, x, 2, 16);
      std::uint16_t half = 0;
      std::memcpy(&half, &bytes[14], sizeof half);
      EXPECT_TRUE(std::isnan(std::bit_cast<float>(std::uint32_t{half} << 16U))) << isa_name(isa);
    }
}

TEST(NarrowNorm, WritesTheRowsThatPackingWouldMake) {
  for (const auto isa : supported_isas())
    for (const int cols : {5, 40, 192})
      for (const auto format :
           {RowFormat::kBf16, RowFormat::kBf16Pair, RowFormat::kBf16Triple, RowFormat::kUint8}) {
        const auto x = normals(21 * padded(cols), 1), gain = normals(padded(cols), 2),
                   bias = normals(padded(cols), 3);
        NormCall call;
        call.x = x.data();
        call.ld = padded(cols);
        call.cols = cols;
        call.gain = gain.data();
        call.bias = bias.data();
        call.eps = 1e-5F;
        std::vector<float> rows(21 * padded(cols), 0.0F);
        call.rows = rows.data();
        call.rows_ld = padded(cols);
        norm(isa, call, 0, 21);
        const auto expected = packed_bytes(isa, format, rows, 21, cols);
        std::vector<float> found(packed_size(isa, 21, cols, format), 0.0F);
        call.packed = packed_rows(isa, found.data(), 21, cols, format);
        norm(isa, call, 0, 16);
        norm(isa, call, 16, 21);
        EXPECT_EQ(std::memcmp(found.data(), expected.data(), expected.size()), 0)
            << isa_name(isa) << ", " << cols << " columns, format " << static_cast<int>(format);
      }
}

struct Bf16Case {
  int queries, keys, heads, d, dv;
};

/// Attention over factors that are rounded to bfloat16.
struct Bf16Attention {
  Bf16Attention(Isa isa_, const Bf16Case& c) : isa(isa_), shape(c) {
    const auto rounded = [](std::vector<float> values) {
      for (auto& value : values) value = rounded_to_bf16(value);
      return values;
    };
    q = rounded(normals(std::int64_t{c.queries} * c.heads * c.d, 1));
    k = rounded(normals(std::int64_t{c.keys} * c.heads * c.d, 2));
    v = rounded(normals(std::int64_t{c.keys} * c.heads * c.dv, 3));
    call.q = {q.data(), std::int64_t{c.heads} * c.d, c.d};
    call.k = {k.data(), std::int64_t{c.heads} * c.d, c.d};
    call.v = {v.data(), std::int64_t{c.heads} * c.dv, c.dv};
    call.queries = c.queries;
    call.keys = c.keys;
    call.d = c.d;
    call.dv = c.dv;
    call.scale = static_cast<float>(1.0 / std::sqrt(c.d));
    call.bf16 = true;
    scratch.assign(attention_scratch(isa, c.keys, c.d, c.dv, true), NAN);
    call.scratch = scratch.data();
  }

  int tiles() const {
    const int rows = attention_tile(isa, true);
    return (shape.queries + rows - 1) / rows;
  }

  std::vector<float> run_rows(int step) {
    std::vector<float> out(shape.queries * shape.heads * shape.dv, NAN);
    call.rows = out.data();
    call.ld = std::int64_t{shape.heads} * shape.dv;
    for (int h = 0; h < shape.heads; ++h)
      for (int t = 0; t < tiles(); t += step)
        attention(isa, call, h, t, std::min(t + step, tiles()));
    return out;
  }

  double reference(int query, int head, int column) const {
    std::vector<double> scores(shape.keys);
    double most = -1e300, total = 0.0, sum = 0.0;
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
      sum += scores[i] / total * v[(i * shape.heads + head) * shape.dv + column];
    return sum;
  }

  Isa isa;
  Bf16Case shape;
  std::vector<float> q, k, v, scratch;
  AttentionCall call;
};

constexpr Bf16Case kBf16Cases[] = {{1, 1, 1, 8, 8},      {1, 50, 2, 64, 64},  {17, 17, 3, 8, 8},
                                   {50, 50, 2, 72, 72},  {9, 33, 2, 5, 11},   {37, 37, 2, 16, 32},
                                   {70, 300, 1, 32, 32}, {6, 600, 1, 88, 24}, {33, 49, 3, 32, 64},
                                   {17, 17, 2, 64, 32},  {50, 50, 8, 72, 72}, {19, 35, 4, 88, 88},
                                   {33, 33, 2, 80, 80},  {40, 70, 8, 12, 12}};

std::vector<Isa> bf16_attention_levels() {
  std::vector<Isa> found;
  for (const auto isa : supported_isas())
    if (multiplies_bf16_attention(isa)) found.push_back(isa);
  return found;
}

void expect_reference(const Bf16Attention& attention, const std::vector<float>& out) {
  const auto& c = attention.shape;
  for (int h = 0; h < c.heads; ++h)
    for (int query = 0; query < c.queries; ++query)
      for (int i = 0; i < c.dv; ++i)
        // Weights round by 2^-9 and sum to one; values are at most 4.5.
        ASSERT_NEAR(out[(query * c.heads + h) * c.dv + i], attention.reference(query, h, i), 0.01)
            << c.queries << " queries, " << c.keys << " keys, d " << c.d << ", head " << h;
}

TEST(Bf16AttentionKernels, GiveTheReferencesSumsForOddSizes) {
  for (const auto isa : bf16_attention_levels())
    for (const auto& c : kBf16Cases) {
      Bf16Attention attention(isa, c);
      expect_reference(attention, attention.run_rows(100));
    }
}

TEST(Bf16AttentionKernels, GiveAQueryTheSameBitsWhateverTilesComeWithIt) {
  for (const auto isa : bf16_attention_levels()) {
    Bf16Attention attention(isa, {70, 130, 2, 24, 40});
    const auto together = attention.run_rows(100);
    EXPECT_EQ(attention.run_rows(1), together);
    EXPECT_EQ(attention.run_rows(3), together);
  }
}

/// Rows [rows, columns] that are packed in bfloat16, behind the last tile's rows anything.
std::vector<float> packed_in_bf16(Isa isa, const std::vector<float>& rows, int columns,
                                  HeadRows& heads) {
  const int count = static_cast<int>(std::ssize(rows)) / columns;
  const auto anything = std::bit_cast<float>(0xffffffffU);  // two that are not numbers
  std::vector<float> memory(packed_size(isa, count, columns, RowFormat::kBf16), anything);
  heads.packed = packed_rows(isa, memory.data(), count, columns, RowFormat::kBf16);
  std::vector<float> whole(rows);
  whole.resize(static_cast<std::size_t>(heads.packed.tiles * heads.packed.tile_rows * columns),
               std::bit_cast<float>(0x7fc00000U));
  pack_rows(isa, whole.data(), columns, heads.packed, 0, heads.packed.tiles);
  heads.data = nullptr;
  return memory;
}

/// Whether the heads can stand in packed rows.
bool fill_lines(const Bf16Case& c) { return c.d == c.dv && c.heads % packed_group(c.d) == 0; }

/// Queries, keys and values of a call in packed rows.
struct PackedHeads {
  explicit PackedHeads(Bf16Attention& attention) {
    const auto pack = [&](const std::vector<float>& rows, HeadRows& heads) {
      memory.push_back(
          packed_in_bf16(attention.isa, rows, attention.shape.heads * attention.shape.d, heads));
    };
    pack(attention.q, attention.call.q);
    pack(attention.k, attention.call.k);
    pack(attention.v, attention.call.v);
  }

  std::vector<std::vector<float>> memory;
};

/// Bits are equal where each head fills whole lines; otherwise sums start at another offset.
TEST(Bf16AttentionKernels, GiveTheSameSumsOfPackedRows) {
  for (const auto isa : bf16_attention_levels())
    for (const auto& c : kBf16Cases) {
      if (!fill_lines(c)) continue;
      Bf16Attention attention(isa, c);
      const auto of_rows = attention.run_rows(100);
      const PackedHeads heads(attention);
      const auto found = attention.run_rows(100);
      if (packed_group(c.d) == 1) {
        EXPECT_EQ(found, of_rows) << c.keys << " keys, d " << c.d;
      }
      expect_reference(attention, found);
      EXPECT_EQ(attention.run_rows(1), found) << c.keys << " keys, d " << c.d;
    }
}

TEST(Bf16AttentionKernels, FindTheirColumnsInPackedRows) {
  constexpr Bf16Case kGrouped[] = {{37, 37, 3, 32, 32}, {37, 37, 8, 72, 72}, {20, 20, 12, 24, 24}};
  for (const auto isa : bf16_attention_levels())
    for (const auto& c : kGrouped) {
      Bf16Attention attention(isa, c);
      std::vector<float> expected;
      {
        Bf16Attention apart(isa, c);
        const PackedHeads heads(apart);
        expected = apart.run_rows(100);
      }
      // q, k and v of each group of heads.
      const int group = packed_group(c.d), part = group * c.d, columns = c.heads * c.d;
      std::vector<float> qkv;
      for (int row = 0; row < c.queries; ++row)
        for (int first = 0; first < columns; first += part)
          for (const auto* from : {&attention.q, &attention.k, &attention.v}) {
            const auto begin = from->begin() + row * columns + first;
            qkv.insert(qkv.end(), begin, begin + part);
          }
      auto& call = attention.call;
      const auto memory = packed_in_bf16(isa, qkv, 3 * columns, call.q);
      for (auto* heads : {&call.q, &call.k, &call.v}) {
        heads->data = nullptr;
        heads->packed = call.q.packed;
        heads->group_stride = std::int64_t{3} * part;
        heads->group = group;
        heads->head_stride = c.d;
      }
      call.k.first = part;
      call.v.first = std::int64_t{2} * part;
      EXPECT_EQ(attention.run_rows(100), expected) << "d " << c.d;
    }
}

TEST(Bf16AttentionKernels, WritePackedRows) {
  for (const auto isa : bf16_attention_levels())
    for (const auto& c : kBf16Cases) {
      Bf16Attention attention(isa, c);
      const int columns = c.heads * c.dv;
      const auto check = [&](const char* from) {
        attention.call.packed = {};
        const auto rows = attention.run_rows(100);
        std::vector<float> wide(c.queries * padded(columns), 0.0F);
        for (int r = 0; r < c.queries; ++r)
          std::copy_n(&rows[r * columns], columns, &wide[r * padded(columns)]);
        const auto expected = packed_bytes(isa, RowFormat::kBf16, wide, c.queries, columns);
        std::vector<float> found(packed_size(isa, c.queries, columns, RowFormat::kBf16), 0.0F);
        attention.call.packed =
            packed_rows(isa, found.data(), c.queries, columns, RowFormat::kBf16);
        attention.run_rows(100);
        EXPECT_EQ(std::memcmp(found.data(), expected.data(), expected.size()), 0)
            << c.queries << " queries, dv " << c.dv << ", of " << from;
      };
      check("rows");
      if (!fill_lines(c)) continue;
      const PackedHeads heads(attention);
      check("packed rows");
    }
}

TEST(Bf16AttentionKernels, WriteBytesOfAFixedScaleFromPackedRows) {
  const RowScale scale{0.01F, -1.3F};
  for (const auto isa : bf16_attention_levels())
    for (const auto& c : kBf16Cases) {
      if (!fill_lines(c)) continue;
      Bf16Attention attention(isa, c);
      const PackedHeads heads(attention);
      const int columns = c.heads * c.dv;
      const auto rows = attention.run_rows(100);
      std::vector<float> memory(packed_size(isa, c.queries, columns, RowFormat::kUint8), 0.0F);
      auto& packed = attention.call.packed;
      packed = packed_rows(isa, memory.data(), c.queries, columns, RowFormat::kUint8);
      packed.fixed = scale;
      attention.run_rows(100);
      for (int r = 0; r < c.queries; ++r)
        for (int i = 0; i < columns; ++i) {
          const float number = (rows[r * columns + i] - scale.offset) / scale.scale;
          // Rounded to the nearest, after another division.
          ASSERT_NEAR(std::to_integer<int>(*narrow_at(packed, r, i)),
                      std::clamp(number, 0.0F, 255.0F), 0.501)
              << c.queries << " queries, d " << c.d << ", column " << i;
        }
    }
}

}  // namespace
}  // namespace vit::kernels
