#include "vit/data/mix.h"

#include <gtest/gtest.h>

#include <cmath>

#include "augment_golden.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

using vit::testing::GoldenAugment;

TEST(Mix, EqualsTimmsMixupWithItsDrawsFixed) {
  const auto& golden = GoldenAugment::get();
  const auto& shared = golden.cases("mixes");
  const auto sides = shared["shape"].get<std::vector<std::int64_t>>();
  const BatchShape shape{sides[0], sides[1], sides[2], sides[3]};
  const auto numel = static_cast<std::size_t>(sides[0] * sides[1] * sides[2] * sides[3]);
  const auto classes = shared["classes"].get<std::int64_t>();
  const auto labels = shared["labels"].get<std::vector<std::int64_t>>();
  for (const auto& row : shared["rows"]) {
    SCOPED_TRACE(row.dump());
    MixPlan plan{row["mode"].get<std::string>(), {}};
    for (const auto& draw : row["draws"])
      plan.draws.push_back({draw["lam"].get<double>(), draw["cutmix"].get<bool>(),
                            draw["box"][0].get<std::int64_t>(), draw["box"][1].get<std::int64_t>(),
                            draw["box"][2].get<std::int64_t>(),
                            draw["box"][3].get<std::int64_t>()});
    auto images = golden.values<float>(shared["images"], numel);
    mix_images(plan, shape, images);
    EXPECT_EQ(images, golden.values<float>(row["images"], numel));
    auto targets = one_hot(labels, classes, shared["smoothing"].get<double>());
    mix_targets(plan, classes, targets);
    EXPECT_EQ(targets, golden.values<float>(row["targets"], targets.size()));
  }
}

TEST(Mix, DrawsOnePlanABatchAPairOrAnElement) {
  const BatchShape shape{6, 3, 8, 8};
  for (const auto& [mode, count] : {std::pair{"batch", 1U}, {"pair", 3U}, {"elem", 6U}}) {
    MixOptions options;
    options.mixup(0.8);
    options.mode(mode);
    Random random(0);
    EXPECT_EQ(Mixer(options).draw(shape, random).draws.size(), count);
  }
}

TEST(Mix, SwitchesAndMixesAsOftenAsItsProbabilitiesSay) {
  MixOptions options;
  options.mixup(0.8);
  options.cutmix(1.0);
  options.prob(0.7);
  options.switch_prob(0.25);
  const Mixer mixer(options);
  Random random(1);
  int mixed = 0;
  int cut = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto draw = mixer.draw({2, 1, 64, 64}, random).draws.front();
    mixed += draw.lam != 1.0 ? 1 : 0;
    cut += draw.cutmix ? 1 : 0;
  }
  // 2800 (less the boxes of no area) and 700 expected, standard deviations 29 and 24.
  EXPECT_NEAR(mixed, 2800, 150);
  EXPECT_NEAR(cut, 700, 120);
}

TEST(Mix, GivesABoxTheShareThatItsAreaLeaves) {
  MixOptions options;
  options.cutmix(1.0);
  const BatchShape shape{2, 1, 20, 30};
  Random random(2);
  for (int i = 0; i < 500; ++i) {
    const auto draw = Mixer(options).draw(shape, random).draws.front();
    ASSERT_GE(draw.top, 0);
    ASSERT_LE(draw.bottom, 20);
    ASSERT_GE(draw.left, 0);
    ASSERT_LE(draw.right, 30);
    const auto area = static_cast<double>((draw.bottom - draw.top) * (draw.right - draw.left));
    EXPECT_EQ(draw.lam, 1.0 - area / 600.0);
  }
}

TEST(Mix, KeepsTheSidesOfABoxBetweenMinimumAndMaximum) {
  MixOptions options;
  options.cutmix_minmax({0.2, 0.8});
  Random random(3);
  for (int i = 0; i < 500; ++i) {
    const auto draw = Mixer(options).draw({2, 1, 20, 30}, random).draws.front();
    ASSERT_TRUE(draw.cutmix);
    EXPECT_GE(draw.bottom - draw.top, 4);
    EXPECT_LT(draw.bottom - draw.top, 16);
    EXPECT_GE(draw.right - draw.left, 6);
    EXPECT_LT(draw.right - draw.left, 24);
    EXPECT_LE(draw.bottom, 20);
    EXPECT_LE(draw.right, 30);
  }
}

TEST(Mix, RefusesWhatCannotBeMixed) {
  EXPECT_THROW(Mixer(MixOptions{}), UsageError);
  MixOptions options;
  options.mixup(0.8);
  options.mode("half");
  EXPECT_THROW(Mixer{options}, UsageError);
  options.mode("batch");
  Random random(0);
  EXPECT_THROW(Mixer(options).draw({3, 1, 4, 4}, random), UsageError);
  options.prob(1.5);
  EXPECT_THROW(Mixer{options}, UsageError);
  options.prob(std::nan(""));
  EXPECT_THROW(Mixer{options}, UsageError);
  EXPECT_THROW(one_hot(std::vector<std::int64_t>{3}, 3, 0.1), DataError);
  EXPECT_THROW(one_hot(std::vector<std::int64_t>{-1}, 3, 0.1), DataError);
}

}  // namespace
}  // namespace vit::data
