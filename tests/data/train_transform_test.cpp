#include "vit/data/train_transform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "golden.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

using vit::testing::GoldenImages;

Preprocessing plain() {
  Preprocessing preprocessing;
  preprocessing.mean = {0.0};
  preprocessing.std = {1.0};
  return preprocessing;
}

TrainTransform make(AugmentOptions options, Size2d size, std::int64_t channels = 3) {
  return TrainTransform(std::move(options), plain(), size, channels);
}

TEST(TrainTransform, DependsOnItsGeneratorAlone) {
  const auto photo = decode_image(GoldenImages::path("photo.png"), 3);
  for (const auto* mode : {"rrc", "rkrc", "rkrr", "shift", "none"}) {
    AugmentOptions options;
    options.crop_mode(mode);
    options.re_prob(0.5);
    options.re_mode("pixel");
    const auto transform = make(options, {32, 24});
    std::vector<float> first(3 * 32 * 24);
    std::vector<float> second(first.size());
    Random a(1, 2, 3);
    Random b(1, 2, 3);
    transform(photo, a, first);
    transform(photo, b, second);
    EXPECT_EQ(first, second) << mode;
  }
}

TEST(TrainTransform, ShiftsByAtMostThePaddingAndFillsWithBlack) {
  Image image(5, 5, 1);
  image.pixels[12] = 200;  // the middle
  AugmentOptions options;
  options.crop_mode("shift");
  options.padding(2);
  options.hflip(0);
  const auto transform = make(options, {5, 5}, 1);
  Random random(0);
  std::set<std::int64_t> places;
  for (int i = 0; i < 1000; ++i) {
    const auto shifted = transform.crop(image, random);
    EXPECT_EQ(std::count(shifted.pixels.begin(), shifted.pixels.end(), 0), 24);
    places.insert(std::max_element(shifted.pixels.begin(), shifted.pixels.end()) -
                  shifted.pixels.begin());
  }
  EXPECT_EQ(places.size(), 25U);
}

TEST(TrainTransform, FlipsWithItsProbability) {
  Image image(1, 2, 1);
  image.pixels = {1, 2};
  AugmentOptions options;
  options.crop_mode("shift");
  options.padding(0);
  options.hflip(0.25);
  const auto transform = make(options, {1, 2}, 1);
  Random random(0);
  int flipped = 0;
  for (int i = 0; i < 10'000; ++i) flipped += transform.crop(image, random).pixels[0] == 2;
  // Five standard deviations of a binomial of 10,000 with p = 1/4.
  EXPECT_NEAR(flipped, 2500, 217);
}

TEST(RandomResizedCrop, StaysInsideAndKeepsToScaleAndRatio) {
  Random random(0);
  for (int i = 0; i < 2000; ++i) {
    const auto region = random_resized_crop(300, 200, {0.08, 1.0}, {3.0 / 4, 4.0 / 3}, random);
    EXPECT_GE(region.top, 0);
    EXPECT_GE(region.left, 0);
    EXPECT_LE(region.top + region.height, 300);
    EXPECT_LE(region.left + region.width, 200);
    const auto h = static_cast<double>(region.height);
    const auto w = static_cast<double>(region.width);
    // Sides are rounded: up to half a pixel each.
    EXPECT_GE((h + 0.5) * (w + 0.5), 0.08 * 300 * 200);
    EXPECT_LE((w - 0.5) / (h + 0.5), 4.0 / 3);
    EXPECT_GE((w + 0.5) / (h - 0.5), 3.0 / 4);
  }
}

TEST(RandomResizedCrop, FallsBackToTheCentre) {
  // timm's fallback, when no attempt fits: an image of 1000 x 10 with area scale 1.
  Random random(0);
  const auto region = random_resized_crop(1000, 10, {1.0, 1.0}, {3.0 / 4, 4.0 / 3}, random);
  EXPECT_EQ(region.width, 10);
  EXPECT_EQ(region.height, 13);
  EXPECT_EQ(region.top, 493);
}

TEST(TrainTransform, ErasesARectangleOfTheShareThatTimmErases) {
  Image image(32, 32, 1);
  std::fill(image.pixels.begin(), image.pixels.end(), 255);
  AugmentOptions options;
  options.crop_mode("none");
  options.hflip(0);
  options.re_prob(1.0);
  const auto transform = make(options, {32, 32}, 1);
  Random random(0);
  std::vector<float> floats(32 * 32);
  for (int i = 0; i < 200; ++i) {
    transform(image, random, floats);
    const auto erased = std::count(floats.begin(), floats.end(), 0.0F);
    // 2 % to a third of the area; rounding the sides moves it by at most half a row and a column.
    EXPECT_GE(erased, 0.02 * 1024 - 16);
    EXPECT_LE(erased, 1024 / 3.0 + 32);
  }
}

TEST(TrainTransform, RefusesOptionsThatCannotBe) {
  const auto refused = [](auto change) {
    AugmentOptions options;
    change(options);
    EXPECT_THROW(make(options, {8, 8}), UsageError);
  };
  refused([](auto& o) { o.crop_mode("middle"); });
  refused([](auto& o) { o.scale({0.5}); });
  refused([](auto& o) { o.scale({0.5, 0.1}); });
  refused([](auto& o) { o.ratio({0.0, 1.0}); });
  refused([](auto& o) { o.hflip(1.5); });
  refused([](auto& o) { o.hflip(std::nan("")); });
  refused([](auto& o) { o.re_mode("grey"); });
}

TEST(TrainTransform, AugmentsByItsGeneratorAlone) {
  const auto photo = decode_image(GoldenImages::path("photo.png"), 3);
  for (const auto* aa : {"", "rand-m9-mstd0.5-inc1", "v0r", "3a", "augmix-m3"}) {
    AugmentOptions options;
    options.aa(aa);
    options.color_jitter({0.4, 0.4, 0.4, 0.1});
    options.color_jitter_prob(0.8);
    options.grayscale_prob(0.2);
    options.gaussian_blur_prob(0.5);
    options.vflip(0.5);
    const auto transform = make(options, {32, 24});
    std::set<std::string> seen;
    for (std::uint64_t i = 0; i < 10; ++i) {
      Random a(1, 2, i);
      Random b(1, 2, i);
      const auto first = transform.crop(photo, a);
      EXPECT_EQ(first.pixels, transform.crop(photo, b).pixels) << aa;
      EXPECT_EQ(first.pixels.size(), 32U * 24U * 3U);
      seen.insert(std::string(first.pixels.begin(), first.pixels.end()));
    }
    EXPECT_EQ(seen.size(), 10U) << aa;
  }
}

TEST(TrainTransform, TurnsUpsideDown) {
  Image image(2, 1, 1);
  image.pixels = {3, 4};
  AugmentOptions options;
  options.crop_mode("none");
  options.hflip(0);
  options.vflip(1);
  Random random(0);
  EXPECT_EQ(make(options, {2, 1}, 1).crop(image, random).pixels, (std::vector<std::uint8_t>{4, 3}));
}

// A grey image keeps its colour under 3-Augment but not under the jitter: of brightness 0 to 2.
TEST(TrainTransform, JittersBesideThreeAugmentAndNotBesideOtherPolicies) {
  Image image(24, 24, 3);
  std::fill(image.pixels.begin(), image.pixels.end(), std::uint8_t{100});
  const auto values = [&](const std::string& aa, bool three) {
    AugmentOptions options;
    options.crop_mode("none");
    options.aa(aa);
    options.three_augment(three);
    options.color_jitter({1.0});
    const auto transform = make(options, {24, 24});
    std::set<std::uint8_t> seen;
    for (std::uint64_t i = 0; i < 50; ++i) {
      Random random(0, 0, i);
      seen.insert(transform.crop(image, random).pixels[0]);
    }
    return seen.size();
  };
  EXPECT_GT(values("", false), 20U);
  EXPECT_GT(values("3a", false), 20U);
  EXPECT_GT(values("", true), 20U);
  EXPECT_EQ(values("rand-n0", false), 1U);
}

TEST(TrainTransform, CropsSimplyAtRandomAsDeiT3) {
  // Columns tell where the crop lies: the longer side is resized from 60 to 30.
  Image image(40, 60, 1);
  for (std::int64_t y = 0; y < 40; ++y)
    for (std::int64_t x = 0; x < 60; ++x) image.row(y)[x] = static_cast<std::uint8_t>(4 * x);
  AugmentOptions options;
  options.crop_mode("src");
  options.hflip(0);
  options.interpolation("bilinear");
  const auto transform = make(options, {20, 20}, 1);
  std::set<std::uint8_t> first;
  for (std::uint64_t i = 0; i < 400; ++i) {
    Random random(0, 0, i);
    const auto crop = transform.crop(image, random);
    ASSERT_EQ(crop.width, 20);
    // 8 to a column of the resized image; to the left of it the columns are reflected.
    first.insert(crop.pixels[0]);
  }
  // From −4 to 14 of 30 columns; −4 … −1 and 1 … 4 look alike.
  EXPECT_EQ(first.size(), 15U);
}

TEST(TrainTransform, RefusesAugmentationThatCannotBe) {
  const auto refuses = [](auto&& change) {
    AugmentOptions options;
    change(options);
    EXPECT_THROW(make(options, {24, 24}), UsageError);
  };
  refuses([](auto& o) { o.aa("best"); });
  refuses([](auto& o) { o.vflip(1.5); });
  refuses([](auto& o) { o.color_jitter({0.1, 0.1}); });
  refuses([](auto& o) { o.color_jitter_prob(-1); });
  refuses([](auto& o) { o.grayscale_prob(2); });
  refuses([](auto& o) {
    o.three_augment(true);
    o.aa("v0");
  });
  refuses([](auto& o) {
    o.aa("v0");
    o.interpolation("lanczos");
  });
  AugmentOptions options;
  options.gaussian_blur_prob(0.5);
  EXPECT_THROW(make(options, {11, 24}), UsageError);
  options = {};
  options.aa("none");
  EXPECT_NO_THROW(make(options, {24, 24}));
}

}  // namespace
}  // namespace vit::data
