#include "vit/data/sampler.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace vit::data
