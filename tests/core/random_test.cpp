#include "vit/core/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

namespace vit {
namespace {

// The first outputs for seed 1234567, as Vigna's splitmix64.c gives them (published on Rosetta
// Code, "Pseudo-random numbers/Splitmix64").
TEST(Random, GivesThePublishedOutputsOfSplitMix64) {
  Random random(1234567);
  for (const auto expected : {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                              4593380528125082431U, 16408922859458223821U})
    EXPECT_EQ(random.next(), expected);
}

TEST(Random, UniformTakesTheHighest53Bits) {
  Random random(1234567);
  EXPECT_EQ(random.uniform(),
            static_cast<double>(6457827717110365317U >> 11U) / 9007199254740992.0);
}

// Five buckets, as that page publishes them: floor(5 × uniform) for seed 987654321, 100,000 times.
TEST(Random, UniformFallsIntoThePublishedBuckets) {
  Random random(987654321);
  std::array<int, 5> counts{};
  for (int i = 0; i < 100'000; ++i) ++counts[static_cast<std::size_t>(random.uniform() * 5)];
  EXPECT_EQ(counts, (std::array<int, 5>{20027, 19892, 20073, 19978, 20030}));
}

TEST(Random, StreamsDependOnEveryPartOfTheirKey) {
  std::set<std::uint64_t> first;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    for (std::uint64_t epoch = 0; epoch < 10; ++epoch)
      for (std::uint64_t index = 0; index < 100; ++index)
        first.insert(Random(seed, epoch, index).next());
  EXPECT_EQ(first.size(), 10'000U);
  EXPECT_EQ(Random(1, 2, 3).next(), Random(1, 2, 3).next());
}

TEST(Random, BelowIsUniform) {
  Random random(7);
  std::array<int, 7> counts{};
  constexpr int kDraws = 70'000;
  for (int i = 0; i < kDraws; ++i) ++counts[random.below(7)];
  double chi_squared = 0;
  for (const int count : counts) chi_squared += std::pow(count - kDraws / 7.0, 2) / (kDraws / 7.0);
  EXPECT_LT(chi_squared, 22.5);  // 6 degrees of freedom: passed once in a thousand
  EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, NormalHasMeanZeroAndVarianceOne) {
  Random random(11);
  constexpr int kDraws = 100'000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto value = random.normal();
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
  }
  // Four standard errors: 1 / sqrt(n) of the mean, sqrt(2 / n) of the variance.
  EXPECT_NEAR(sum / kDraws, 0, 4 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 4 * std::sqrt(2.0 / kDraws));
}

TEST(Random, GammaHasItsShapeAsMeanAndVariance) {
  for (const double shape : {0.3, 1.0, 4.5}) {
    Random random(13);
    constexpr int kDraws = 100'000;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const auto value = random.gamma(shape);
      ASSERT_GE(value, 0.0);
      sum += value;
      squares += value * value;
    }
    const double mean = sum / kDraws;
    // Four standard errors; the fourth central moment is 3 shape² + 6 shape.
    EXPECT_NEAR(mean, shape, 4 * std::sqrt(shape / kDraws));
    EXPECT_NEAR(squares / kDraws - mean * mean, shape,
                4 * std::sqrt((2 * shape * shape + 6 * shape) / kDraws));
  }
}

TEST(Random, BetaHasItsMeanAndVariance) {
  for (const auto& [a, b] : {std::pair{0.8, 0.8}, {1.0, 1.0}, {2.0, 5.0}, {0.001, 0.001}}) {
    Random random(17);
    constexpr int kDraws = 50'000;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const auto value = random.beta(a, b);
      ASSERT_TRUE(value >= 0.0 && value <= 1.0);
      sum += value;
      squares += value * value;
    }
    const double mean = a / (a + b);
    const double variance = a * b / ((a + b) * (a + b) * (a + b + 1));
    // Four standard errors of the mean; of the variance at most those of a coin, 1/4 / sqrt(n).
    EXPECT_NEAR(sum / kDraws, mean, 4 * std::sqrt(variance / kDraws));
    EXPECT_NEAR(squares / kDraws - std::pow(sum / kDraws, 2), variance,
                4 * 0.25 / std::sqrt(kDraws));
  }
}

}  // namespace
}  // namespace vit
