#include "vit/data/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "vit/core/error.h"

namespace vit::data {
namespace {

using Targets = std::vector<std::int64_t>;

/// `count` rows of the same logits.
Array rows(std::int64_t count, const std::vector<float>& logits) {
  Array array({count, static_cast<std::int64_t>(logits.size())});
  for (std::int64_t i = 0; i < count; ++i)
    std::copy(logits.begin(), logits.end(), array.row(i).begin());
  return array;
}

TEST(Metrics, CountsTop1AndTop5InPercent) {
  Metrics metrics(10);
  // Classes in descending order: 9, 8, …, 0.
  metrics.add(rows(4, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), Targets{9, 8, 5, 4});
  EXPECT_EQ(metrics.images(), 4);
  EXPECT_DOUBLE_EQ(metrics.top1(), 25.0);
  EXPECT_DOUBLE_EQ(metrics.top5(), 75.0);
}

TEST(Metrics, AveragesTheCrossEntropyOverAllBatches) {
  Metrics metrics(3);
  metrics.add(rows(1, {1, 2, 3}), Targets{0});
  metrics.add(rows(2, {1, 2, 3}), Targets{2, 2});
  const double log_sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0));
  // float64 arithmetic on numbers around 2, in another order.
  EXPECT_NEAR(metrics.loss(), ((log_sum - 1) + 2 * (log_sum - 3)) / 3, 1e-14);
}

TEST(Metrics, CountsEachTrueClassByItself) {
  Metrics metrics(3);
  metrics.add(rows(3, {0, 5, 1}), Targets{1, 1, 2});
  EXPECT_EQ(metrics.per_class()[0].images, 0);
  EXPECT_EQ(metrics.per_class()[1].images, 2);
  EXPECT_EQ(metrics.per_class()[1].top1, 2);
  EXPECT_EQ(metrics.per_class()[2].top1, 0);
  EXPECT_EQ(metrics.per_class()[2].top5, 1);
}

TEST(Metrics, PutsTheTrueClassInRowsOfTheConfusion) {
  Metrics metrics(3, true);
  metrics.add(rows(1, {0, 5, 1}), Targets{2});
  EXPECT_EQ(metrics.confusion()[2 * 3 + 1], 1);
  EXPECT_EQ(metrics.confusion()[1 * 3 + 2], 0);
}

TEST(Metrics, GivesAModelThatSaysTheSameOfEveryClassNoMoreThanChance) {
  Metrics metrics(10);
  Targets targets(10);
  std::iota(targets.begin(), targets.end(), 0);
  metrics.add(rows(10, std::vector<float>(10, 0)), targets);
  EXPECT_DOUBLE_EQ(metrics.top1(), 10.0);
  EXPECT_DOUBLE_EQ(metrics.top5(), 50.0);
}

TEST(Metrics, CountsNanAsWrong) {
  Metrics metrics(3);
  metrics.add(rows(1, std::vector<float>(3, std::numeric_limits<float>::quiet_NaN())), Targets{0});
  EXPECT_EQ(metrics.top1(), 0.0);
}

TEST(Metrics, RefusesATargetThatIsNoClass) {
  Metrics metrics(3);
  EXPECT_THROW(metrics.add(rows(1, std::vector<float>(3, 0)), Targets{3}), DataError);
  EXPECT_THROW(metrics.add(rows(1, std::vector<float>(3, 0)), Targets{-1}), DataError);
  EXPECT_THROW(metrics.add(rows(1, std::vector<float>(4, 0)), Targets{0}), DataError);
  EXPECT_EQ(metrics.images(), 0);
}

TEST(Metrics, MergesSums) {
  Metrics first(2, true), second(2, true);
  first.add(rows(1, {0, 1}), Targets{1});
  second.add(rows(1, {0, 1}), Targets{0});
  first.merge(second);
  EXPECT_EQ(first.images(), 2);
  EXPECT_DOUBLE_EQ(first.top1(), 50.0);
  EXPECT_EQ(first.confusion(), (std::vector<std::int64_t>{0, 1, 0, 1}));
}

TEST(Metrics, HasNoImagesAndNoNanAtFirst) {
  const Metrics metrics(2);
  EXPECT_EQ(metrics.top1(), 0.0);
  EXPECT_EQ(metrics.loss(), 0.0);
}

}  // namespace
}  // namespace vit::data
