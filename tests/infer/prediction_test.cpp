#include "vit/infer/prediction.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace vit::infer {
namespace {

TEST(TopK, OrdersBySoftmax) {
  const std::vector<float> logits{1, 3, 2};
  const auto top = top_k(logits, 2);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].index, 1);
  EXPECT_EQ(top[1].index, 2);
  const double sum = std::exp(-2.0) + 1 + std::exp(-1.0);
  EXPECT_FLOAT_EQ(top[0].prob, static_cast<float>(1 / sum));
  EXPECT_FLOAT_EQ(top[1].prob, static_cast<float>(std::exp(-1.0) / sum));
}

TEST(TopK, GivesAllClassesWhereKIsMore) { EXPECT_EQ(top_k(std::vector<float>(4), 9).size(), 4U); }

TEST(TopK, PutsTheLowerIndexFirstAmongEquals) {
  const auto top = top_k(std::vector<float>{1, 2, 2, 2}, 2);
  EXPECT_EQ(top[0].index, 1);
  EXPECT_EQ(top[1].index, 2);
}

TEST(TopK, StandsLargeLogits) {
  const auto top = top_k(std::vector<float>{1e30F, 0}, 1);
  EXPECT_FLOAT_EQ(top[0].prob, 1.0F);
}

TEST(TopK, SortsNanLast) {
  const auto top = top_k(std::vector<float>{std::numeric_limits<float>::quiet_NaN(), 1, 2}, 3);
  EXPECT_EQ(top[0].index, 2);
  EXPECT_EQ(top[2].index, 0);
}

}  // namespace
}  // namespace vit::infer
