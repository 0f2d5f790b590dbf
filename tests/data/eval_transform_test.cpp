#include "vit/data/eval_transform.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

using vit::testing::GoldenImages;
using vit::testing::region_of;

TEST(EvalTransform, EqualsTimmsTensorsToTheLastBit) {
  const auto& golden = GoldenImages::get();
  for (const auto& one : golden.cases("transformed")) {
    SCOPED_TRACE(one.dump());
    const auto channels = one["channels"].get<std::int64_t>();
    Preprocessing preprocessing;
    preprocessing.mean = one["mean"].get<std::vector<double>>();
    preprocessing.std = one["std"].get<std::vector<double>>();
    preprocessing.interpolation = one["interpolation"].get<std::string>();
    preprocessing.crop_pct = one["crop_pct"].get<double>();
    preprocessing.crop_mode = one["crop_mode"].get<std::string>();
    const EvalTransform transform(
        preprocessing, {one["size"][0].get<std::int64_t>(), one["size"][1].get<std::int64_t>()},
        channels);
    const auto image =
        crop(decode_image(GoldenImages::path("photo.png"), channels), region_of(one["region"]));
    std::vector<float> floats(static_cast<std::size_t>(transform.numel()));
    transform(image, floats);
    EXPECT_EQ(floats, golden.floats(one["floats"], floats.size()));
  }
}

TEST(EvalTransform, LooksOnlyAtWhatTheCropShowsOfAnExtremeImage) {
  // Resized whole, this image would have 248 x 2,480,000 pixels.
  const Image image(10'000, 1, 3);
  const EvalTransform transform({}, {224, 224}, 3);
  EXPECT_EQ(transform.crop(image).height, 224);
}

TEST(EvalTransform, TakesOneMeanAndStdForAllChannels) {
  Preprocessing preprocessing;
  preprocessing.mean = {0.25};
  preprocessing.std = {0.5};
  std::vector<float> floats(3);
  EvalTransform(preprocessing, {1, 1}, 3)(Image(1, 1, 3), floats);
  EXPECT_EQ(floats, std::vector<float>(3, -0.5F));
}

TEST(EvalTransform, RefusesPreprocessingThatCannotBe) {
  const auto make = [](auto change, std::int64_t channels = 3) {
    Preprocessing preprocessing;
    change(preprocessing);
    return EvalTransform(preprocessing, {8, 8}, channels);
  };
  const auto nothing = [](Preprocessing&) {};
  EXPECT_THROW(make([](auto& p) { p.crop_mode = "middle"; }), DataError);
  EXPECT_THROW(make([](auto& p) { p.interpolation = "cubic"; }), DataError);
  EXPECT_THROW(make([](auto& p) { p.crop_pct = 0; }), DataError);
  EXPECT_THROW(make([](auto& p) { p.std = {0.5, 0.0, 0.5}; }), DataError);
  EXPECT_THROW(make([](auto& p) { p.mean = {0.5, 0.5}; }), DataError);
  EXPECT_THROW(make([](auto& p) { p.pillow = 11; }), DataError);
  EXPECT_THROW(make(nothing, 2), DataError);
}

}  // namespace
}  // namespace vit::data
