#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "augment_golden.h"
#include "vit/core/error.h"
#include "vit/data/augment/color_jitter.h"
#include "vit/data/augment/operations.h"

namespace vit::data::augment {
namespace {

using vit::testing::digest;
using vit::testing::GoldenAugment;

struct NamedCase {
  const char* name;
  Op op;
};

constexpr NamedCase kCases[] = {
    {"auto_contrast", Op::kAutoContrast},
    {"equalize", Op::kEqualize},
    {"invert", Op::kInvert},
    {"posterize", Op::kPosterize},
    {"solarize", Op::kSolarize},
    {"solarize_add", Op::kSolarizeAdd},
    {"brightness", Op::kBrightness},
    {"contrast", Op::kContrast},
    {"color", Op::kColor},
    {"sharpness", Op::kSharpness},
    {"hue", Op::kHue},
    {"grayscale", Op::kGrayscale},
    {"gaussian_blur", Op::kGaussianBlur},
    {"rotate", Op::kRotate},
    {"shear_x", Op::kShearX},
    {"shear_y", Op::kShearY},
    {"translate_x", Op::kTranslateX},
    {"translate_y", Op::kTranslateY},
};

Op op_named(const std::string& name) {
  return std::find_if(std::begin(kCases), std::end(kCases),
                      [&](const NamedCase& one) { return name == one.name; })
      ->op;
}

class Operation : public ::testing::TestWithParam<NamedCase> {};

TEST_P(Operation, EqualsPillowAtEveryArgument) {
  const auto& golden = GoldenAugment::get();
  int compared = 0;
  for (const auto& one : golden.cases("operations")) {
    if (op_named(one["op"].get<std::string>()) != GetParam().op) continue;
    auto image =
        GoldenAugment::image(one["image"].get<std::string>(), one["channels"].get<std::int64_t>());
    Canvas canvas;
    const auto& fill = golden.cases("fill");
    for (std::size_t c = 0; c < 3; ++c) canvas.fill.at(c) = fill[c].get<std::uint8_t>();
    canvas.filter = parse_filter(one["filter"].get<std::string>());
    apply(image, GetParam().op, one["argument"].get<double>(), canvas);
    EXPECT_EQ(digest(image), one["sha256"].get<std::string>()) << one.dump();
    ++compared;
  }
  EXPECT_GE(compared, 8);
}

INSTANTIATE_TEST_SUITE_P(Augment, Operation, ::testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(Augment, RefusesAnArgumentThatCannotBe) {
  Image image(4, 4, 3);
  EXPECT_THROW(apply(image, Op::kBrightness, std::nan("")), UsageError);
  EXPECT_THROW(apply(image, Op::kRotate, std::numeric_limits<double>::infinity()), UsageError);
  EXPECT_THROW(apply(image, Op::kSolarize, 257), UsageError);
  EXPECT_THROW(apply(image, Op::kHue, 0.6), UsageError);
  EXPECT_THROW(apply(image, Op::kGaussianBlur, -1), UsageError);
  EXPECT_THROW(apply(image, Op::kRotate, 5, {{0, 0, 0}, Filter::kLanczos}), UsageError);
}

TEST(Augment, LeavesAnEmptyImageAlone) {
  for (const auto& one : kCases) {
    Image image(0, 0, 3);
    apply(image, one.op, 0.25);
    EXPECT_TRUE(image.pixels.empty()) << one.name;
  }
}

// Pillow before 13 gave black, which is what TensorFlow's policy v0 means by level 2.
TEST(Augment, PosterizesToBlackWhereNoBitIsKept) {
  auto image = GoldenAugment::image("scene", 3);
  apply(image, Op::kPosterize, 0);
  EXPECT_EQ(std::count(image.pixels.begin(), image.pixels.end(), 0), std::ssize(image.pixels));
}

TEST(Augment, BlursWithAKernelAsTorchvision) {
  const auto& golden = GoldenAugment::get();
  for (const auto& one : golden.cases("kernel_blurs")) {
    auto image = GoldenAugment::image("scene", one["channels"].get<std::int64_t>());
    const auto expected = golden.values<std::uint8_t>(one["offset"], image.pixels.size());
    gaussian_kernel_blur(image, 23, one["sigma"].get<double>());
    // torch sums the 529 products in another order: a sum next to a half may round the other way.
    int other = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const int difference = std::abs(image.pixels[i] - expected[i]);
      EXPECT_LE(difference, 1);
      other += difference;
    }
    EXPECT_LE(other, std::ssize(expected) / 1000);
  }
  Image small(11, 30, 3);
  EXPECT_THROW(gaussian_kernel_blur(small, 23, 1.0), UsageError);
}

TEST(ColorJitter, EqualsTorchvisionInEveryOrder) {
  for (const auto& one : GoldenAugment::get().cases("jitters")) {
    JitterFactors jitter;
    for (std::size_t i = 0; i < 4; ++i) {
      jitter.order.at(i) = one["order"][i].get<std::uint8_t>();
      if (!one["factors"][i].is_null()) jitter.factors.at(i) = one["factors"][i].get<double>();
    }
    auto image = GoldenAugment::image("scene", 3);
    apply_jitter(image, jitter);
    EXPECT_EQ(digest(image), one["sha256"].get<std::string>()) << one.dump();
  }
}

TEST(ColorJitter, DrawsFactorsInTheirRangesAndEveryOrder) {
  const ColorJitter jitter({0.4, 0.2, 1.5, 0.1});
  Random random(1);
  std::array<std::array<int, 4>, 4> first{};
  std::array<double, 4> low{9, 9, 9, 9};
  std::array<double, 4> high{-9, -9, -9, -9};
  for (int i = 0; i < 4000; ++i) {
    const auto drawn = jitter.draw(random);
    for (std::size_t k = 0; k < 4; ++k) {
      ++first.at(k).at(drawn.order.at(k));
      low.at(k) = std::min(low.at(k), drawn.factors.at(k).value());
      high.at(k) = std::max(high.at(k), drawn.factors.at(k).value());
    }
  }
  // 1000 expected, standard deviation 27.
  for (const auto& row : first)
    for (const auto count : row) EXPECT_NEAR(count, 1000, 150);
  EXPECT_NEAR(low[0], 0.6, 0.01);
  EXPECT_NEAR(high[0], 1.4, 0.01);
  EXPECT_GE(low[2], 0.0);
  EXPECT_NEAR(high[2], 2.5, 0.01);
  EXPECT_NEAR(low[3], -0.1, 0.001);
  EXPECT_NEAR(high[3], 0.1, 0.001);
}

TEST(ColorJitter, TakesOneValueForAllButHueAndRefusesTwo) {
  Random random(0);
  const auto drawn = ColorJitter({0.3}).draw(random);
  EXPECT_TRUE(drawn.factors[0] && drawn.factors[1] && drawn.factors[2]);
  EXPECT_FALSE(drawn.factors[3]);
  EXPECT_THROW(ColorJitter({0.1, 0.2}), UsageError);
  EXPECT_THROW(ColorJitter({-0.1}), UsageError);
  EXPECT_THROW(ColorJitter({0.1, 0.1, 0.1, 0.6}), UsageError);
}

}  // namespace
}  // namespace vit::data::augment
