#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "augment_golden.h"
#include "vit/core/error.h"
#include "vit/data/augment/policy.h"

namespace vit::data::augment {
namespace {

using vit::testing::digest;
using vit::testing::GoldenAugment;

TEST(Policy, GivesEveryOperationTimmsArgumentAtEveryLevel) {
  const LevelOptions options{100, 0.45};
  for (const auto& row : GoldenAugment::get().cases("levels"))
    EXPECT_EQ(level_argument(row[0].get<std::string>(), row[1].get<double>(), row[2].get<bool>(),
                             options),
              row[3].get<double>())
        << row.dump();
  EXPECT_THROW(level_argument("Cutout", 1, false), UsageError);
}

TEST(Policy, ReadsConfigurationsAsTimm) {
  for (const auto& one : GoldenAugment::get().cases("policies")) {
    const auto config = one["config"].get<std::string>();
    SCOPED_TRACE(config);
    const auto policy = parse_policy(config, 224);
    Json choices = Json::array();
    for (const auto& choice : policy.choices) {
      choices.push_back(Json::array());
      for (const auto& op : choice)
        choices.back().push_back(Json::array({op.name, op.prob, op.magnitude}));
    }
    EXPECT_EQ(choices, one["choices"]);
    if (one["magnitude_std"] == "inf")
      EXPECT_TRUE(std::isinf(policy.magnitude_std));
    else
      EXPECT_EQ(policy.magnitude_std, one["magnitude_std"].get<double>());
    EXPECT_EQ(policy.magnitude_max, one["magnitude_max"].get<double>());
    EXPECT_EQ(policy.levels.translate_const, one["translate_const"].get<double>());
    EXPECT_EQ(policy.levels.translate_pct, config.starts_with("augmix") ? 0.3 : 0.45);
    if (one.contains("num_layers")) {
      EXPECT_EQ(policy.num_layers, one["num_layers"].get<std::int64_t>());
      const auto weights = one["weights"].get<std::vector<double>>();
      ASSERT_EQ(policy.weights.size(), weights.size());
      // Sums in another order.
      for (std::size_t i = 0; i < weights.size(); ++i)
        EXPECT_NEAR(policy.weights[i], weights[i], 1e-15);
    }
    if (one.contains("width")) {
      EXPECT_EQ(policy.width, one["width"].get<std::int64_t>());
      EXPECT_EQ(policy.depth, one["depth"].get<std::int64_t>());
      EXPECT_EQ(policy.alpha, one["alpha"].get<double>());
      EXPECT_EQ(policy.blended, one["blended"].get<bool>());
    }
  }
}

TEST(Policy, RefusesWhatTimmRefuses) {
  for (const auto& config : GoldenAugment::get().cases("refused"))
    EXPECT_THROW(parse_policy(config.get<std::string>(), 224), UsageError) << config;
}

TEST(Policy, SaysWhichSectionsItPassedOver) {
  EXPECT_EQ(parse_policy("rand-m9-inc-mstd0.5", 224).ignored, std::vector<std::string>{"inc"});
}

TEST(AutoAugment, DependsOnItsGeneratorAlone) {
  for (const auto* config : {"rand-m9-mstd0.5-inc1", "original", "3a", "augmix-m5", "augmix-b1",
                             "rand-m9-n3-tweights", "rand-n2-t3aw"}) {
    const AutoAugment augment(parse_policy(config, 47), {1, 2, 3}, std::nullopt);
    auto a = GoldenAugment::image("scene", 3);
    auto b = a;
    const auto original = digest(a);
    bool changed = false;
    for (std::uint64_t i = 0; i < 20; ++i) {
      Random of_a(1, 2, i);
      Random of_b(1, 2, i);
      augment(a, of_a);
      augment(b, of_b);
      ASSERT_EQ(digest(a), digest(b)) << config;
      changed = changed || digest(a) != original;
    }
    EXPECT_TRUE(changed) << config;
  }
}

TEST(AutoAugment, WorksOnGreyImagesAndTheSmallest) {
  for (const auto* config : {"rand-m9-n5-mstd0.5-inc1", "v0", "originalr", "augmix"}) {
    const AutoAugment augment(parse_policy(config, 1), {9, 9, 9}, std::nullopt);
    for (std::uint64_t i = 0; i < 100; ++i) {
      Random random(0, 0, i);
      auto grey = GoldenAugment::image("line", 1);
      Image pixel(1, 1, 3);
      augment(grey, random);
      augment(pixel, random);
      EXPECT_EQ(grey.pixels.size(), 9U);
      EXPECT_EQ(pixel.pixels.size(), 3U);
    }
  }
}

// A policy of one operation shows its draws: which of the names, how often.
TEST(AutoAugment, AppliesAnOperationAsOftenAsItsProbabilitySays) {
  Policy policy;
  policy.choices = {{{"Invert", 0.3, 5}}};
  policy.num_layers = 1;
  const AutoAugment augment(policy, {0, 0, 0}, Filter::kBilinear);
  int inverted = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    Random random(3, 0, i);
    Image image(1, 1, 1);
    augment(image, random);
    inverted += image.pixels[0] == 255 ? 1 : 0;
  }
  // 600 expected, standard deviation 20.5.
  EXPECT_NEAR(inverted, 600, 100);
}

// SolarizeAdd writes its argument onto black: int(11 × magnitude).
TEST(AutoAugment, DrawsMagnitudesAroundTheirMeanAndClipsThem) {
  Policy policy;
  policy.choices = {{{"SolarizeAdd", 1.0, 9}}};
  policy.num_layers = 1;
  policy.magnitude_std = 0.5;
  const auto draw = [&](std::uint64_t i) {
    const AutoAugment augment(policy, {0, 0, 0}, Filter::kBilinear);
    Random random(4, 0, i);
    Image image(1, 1, 1);
    augment(image, random);
    return static_cast<double>(image.pixels[0]) / 11.0;
  };
  double sum = 0;
  double highest = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    sum += draw(i);
    highest = std::max(highest, draw(i));
  }
  // The argument is cut to a whole number, 1/22 lower on average; 2 % of the draws are clipped.
  EXPECT_NEAR(sum / 2000, 9 - 1 / 22.0, 0.06);
  EXPECT_EQ(highest, 10.0);
  policy.magnitude_std = std::numeric_limits<double>::infinity();
  sum = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) sum += draw(i);
  EXPECT_NEAR(sum / 2000, 4.5 - 1 / 22.0, 0.25);
}

TEST(AutoAugment, DrawsWeightedOperationsWithoutRepetition) {
  Policy policy;
  policy.choices = {{{"Invert", 1, 0}}, {{"SolarizeAdd", 1, 5}}, {{"Solarize", 1, 5}}};
  policy.weights = {0.5, 0.5, 0.0};
  policy.num_layers = 2;
  const AutoAugment augment(policy, {0, 0, 0}, Filter::kBilinear);
  // Each once, in either order: 0 → 255 (SolarizeAdd leaves it), or 0 → 55 → 200.
  std::map<int, int> seen;
  for (std::uint64_t i = 0; i < 400; ++i) {
    Random random(5, 0, i);
    Image image(1, 1, 1);
    augment(image, random);
    ++seen[image.pixels[0]];
  }
  EXPECT_EQ(seen.size(), 2U);
  // 200 expected, standard deviation 10.
  EXPECT_NEAR(seen[255], 200, 50);
  EXPECT_NEAR(seen[200], 200, 50);
}

TEST(AutoAugment, RefusesAFilterThatTurnsNoImage) {
  EXPECT_THROW(AutoAugment(parse_policy("v0", 224), {0, 0, 0}, Filter::kLanczos), UsageError);
  EXPECT_NO_THROW(AutoAugment(parse_policy("3a", 224), {0, 0, 0}, Filter::kLanczos));
}

TEST(AugMix, MixesChainsAsTimm) {
  for (const auto& one : GoldenAugment::get().cases("augmixes")) {
    auto image = GoldenAugment::image("scene", 3);
    std::vector<Image> chains(3, image);
    apply(chains[0], Op::kInvert, 0);
    apply(chains[1], Op::kSolarize, 100);
    apply(chains[2], Op::kEqualize, 0);
    const auto shares = one["shares"].get<std::vector<float>>();
    const auto share = one["share"].get<float>();
    if (one["blended"].get<bool>()) {
      const auto steps = blending_weights(shares, share);
      for (std::size_t i = 0; i < chains.size(); ++i) {
        blend(image, chains[i], steps[i]);
        image = chains[i];
      }
    } else {
      image = mix_chains(image, chains, shares, share);
    }
    EXPECT_EQ(digest(image), one["sha256"].get<std::string>()) << one.dump();
  }
}

}  // namespace
}  // namespace vit::data::augment
