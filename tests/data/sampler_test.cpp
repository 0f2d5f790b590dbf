#include "vit/data/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "augment_golden.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

using vit::testing::GoldenAugment;

std::vector<std::int64_t> up_to(std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

TEST(Repeated, EqualsTimmsSampler) {
  for (const auto& one : GoldenAugment::get().cases("repeats")) {
    RepeatOptions options;
    options.repeats = one["repeats"].get<double>();
    options.rank = one["rank"].get<std::int64_t>();
    options.world = one["world"].get<std::int64_t>();
    options.selected_round = one["selected_round"].get<std::int64_t>();
    options.selected_ratio = one["selected_ratio"].get<double>();
    EXPECT_EQ(repeated(up_to(one["n"].get<std::int64_t>()), options),
              one["indices"].get<std::vector<std::int64_t>>())
        << one.dump();
  }
}

TEST(Repeated, RefusesOptionsThatCannotBe) {
  const auto order = up_to(4);
  EXPECT_THROW(repeated(order, {.repeats = 0}), UsageError);
  EXPECT_THROW(repeated(order, {.rank = 2, .world = 2}), UsageError);
  EXPECT_THROW(repeated(order, {.selected_round = -1}), UsageError);
  EXPECT_TRUE(repeated({}, {}).empty());
}

TEST(Balanced, ShowsEachClassAndEachOfItsImagesAsOften) {
  const std::vector<std::int64_t> labels{0, 0, 0, 0, 0, 0, 2, 2, 3, 0, 0};  // class 1 has none
  std::vector<std::int64_t> classes(4);
  for (std::uint64_t epoch = 0; epoch < 6; ++epoch) {
    const auto order = balanced(labels, 4, 7, epoch);
    ASSERT_EQ(order.size(), labels.size());
    std::vector<std::int64_t> shown(labels.size());
    std::vector<std::int64_t> in_epoch(4);
    for (const auto index : order) {
      ++shown[static_cast<std::size_t>(index)];
      ++in_epoch[static_cast<std::size_t>(labels[static_cast<std::size_t>(index)])];
      ++classes[static_cast<std::size_t>(labels[static_cast<std::size_t>(index)])];
    }
    for (const std::size_t c : {0U, 2U, 3U}) EXPECT_NEAR(in_epoch[c], 11.0 / 3, 1) << epoch;
    EXPECT_LE(std::abs(shown[6] - shown[7]), 1) << epoch;
    EXPECT_LE(*std::max_element(shown.begin(), shown.begin() + 6), 1) << epoch;
  }
  EXPECT_EQ(classes[1], 0);
  EXPECT_EQ(balanced(labels, 4, 7, 1), balanced(labels, 4, 7, 1));
  EXPECT_NE(balanced(labels, 4, 7, 1), balanced(labels, 4, 7, 2));
  EXPECT_THROW(balanced(labels, 3, 7, 1), UsageError);
}

}  // namespace
}  // namespace vit::data
