#include "vit/model/metrics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "vit/core/error.h"

namespace vit::model {
namespace {

at::Tensor targets(std::vector<std::int64_t> values) { return at::tensor(values, at::kLong); }

TEST(Metrics, CountsTop1AndTop5InPercent) {
  Metrics metrics(10);
  // Classes in descending order: 9, 8, …, 0.
  const auto logits = at::arange(10, at::kFloat).unsqueeze(0).expand({4, 10});
  metrics.add(logits, targets({9, 8, 5, 4}));
  EXPECT_EQ(metrics.images(), 4);
  EXPECT_DOUBLE_EQ(metrics.top1(), 25.0);
  EXPECT_DOUBLE_EQ(metrics.top5(), 75.0);
}

TEST(Metrics, AveragesTheCrossEntropyOverAllBatches) {
  Metrics metrics(3);
  const auto logits = at::tensor({1.0F, 2.0F, 3.0F}).unsqueeze(0);
  metrics.add(logits, targets({0}));
  metrics.add(logits.expand({2, 3}), targets({2, 2}));
  const double log_sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0));
  // float32 arithmetic on numbers around 2: some 1e-7 each.
  EXPECT_NEAR(metrics.loss(), ((log_sum - 1) + 2 * (log_sum - 3)) / 3, 1e-6);
}

TEST(Metrics, CountsEachTrueClassByItself) {
  Metrics metrics(3);
  const auto logits = at::tensor({0.0F, 5.0F, 1.0F}).unsqueeze(0).expand({3, 3});
  metrics.add(logits, targets({1, 1, 2}));
  EXPECT_EQ(metrics.per_class()[0].images, 0);
  EXPECT_EQ(metrics.per_class()[1].images, 2);
  EXPECT_EQ(metrics.per_class()[1].top1, 2);
  EXPECT_EQ(metrics.per_class()[2].top1, 0);
  EXPECT_EQ(metrics.per_class()[2].top5, 1);
}

TEST(Metrics, PutsTheTrueClassInRowsOfTheConfusion) {
  Metrics metrics(3, true);
  metrics.add(at::tensor({0.0F, 5.0F, 1.0F}).unsqueeze(0), targets({2}));
  EXPECT_EQ(metrics.confusion()[2 * 3 + 1], 1);
  EXPECT_EQ(metrics.confusion()[1 * 3 + 2], 0);
}

TEST(Metrics, GivesAModelThatSaysTheSameOfEveryClassNoMoreThanChance) {
  Metrics metrics(10);
  metrics.add(at::zeros({10, 10}), at::arange(10, at::kLong));
  EXPECT_DOUBLE_EQ(metrics.top1(), 10.0);
  EXPECT_DOUBLE_EQ(metrics.top5(), 50.0);
}

TEST(Metrics, CountsNanAsWrong) {
  Metrics metrics(3);
  metrics.add(at::full({1, 3}, std::numeric_limits<float>::quiet_NaN()), targets({0}));
  EXPECT_EQ(metrics.top1(), 0.0);
}

TEST(Metrics, RefusesATargetThatIsNoClass) {
  Metrics metrics(3);
  EXPECT_THROW(metrics.add(at::zeros({1, 3}), targets({3})), DataError);
  EXPECT_THROW(metrics.add(at::zeros({1, 3}), targets({-1})), DataError);
  EXPECT_THROW(metrics.add(at::zeros({1, 4}), targets({0})), DataError);
  EXPECT_EQ(metrics.images(), 0);
}

TEST(Metrics, MergesSums) {
  Metrics first(2, true), second(2, true);
  first.add(at::tensor({0.0F, 1.0F}).unsqueeze(0), targets({1}));
  second.add(at::tensor({0.0F, 1.0F}).unsqueeze(0), targets({0}));
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
}  // namespace vit::model
