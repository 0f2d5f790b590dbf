#include "vit/data/resize.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

using vit::testing::GoldenImages;
using vit::testing::region_of;

TEST(Resize, EqualsPillowForEveryFilterSizeAndOrderOfPasses) {
  const auto& golden = GoldenImages::get();
  for (const auto& one : golden.cases("resized")) {
    SCOPED_TRACE(one.dump());
    const auto photo =
        decode_image(GoldenImages::path("photo.png"), one["channels"].get<std::int64_t>());
    const auto filter = parse_filter(one["filter"].get<std::string>());
    for (const auto& pillow : one["pillow"]) {
      const auto image =
          resized_crop(photo, region_of(one["region"]), one["size"][0].get<std::int64_t>(),
                       one["size"][1].get<std::int64_t>(), filter, pillow.get<std::int64_t>());
      EXPECT_EQ(image.pixels, golden.bytes(one["bytes"], image.pixels.size()));
    }
  }
}

TEST(Resize, GivesAPartOfTheWholeResult) {
  const auto photo = decode_image(GoldenImages::path("photo.png"), 3);
  const Region part{5, 9, 17, 11};
  for (const auto filter : {Filter::kNearest, Filter::kBilinear, Filter::kLanczos})
    for (const auto& [height, width] :
         {std::pair{40, 33}, {200, 20}, {30, 300}, {96, 40}, {30, 128}})
      EXPECT_EQ(resize_part(photo, height, width, part, filter).pixels,
                crop(resize(photo, height, width, filter), part).pixels);
}

TEST(Resize, RefusesASizeThatCannotBe) {
  const Image image(4, 4, 3);
  EXPECT_THROW(resize(image, 0, 4, Filter::kBicubic), DataError);
  EXPECT_THROW(resize(image, 4, std::int64_t{1} << 40, Filter::kBicubic), DataError);
  EXPECT_THROW(parse_filter("cubic"), DataError);
}

TEST(Crop, ShowsBlackOutsideTheImage) {
  Image image(1, 2, 1);
  image.pixels = {7, 9};
  EXPECT_EQ(crop(image, {-1, -1, 3, 4}).pixels,
            (std::vector<std::uint8_t>{0, 0, 0, 0, 0, 7, 9, 0, 0, 0, 0, 0}));
}

TEST(FlipHorizontal, MirrorsWholePixels) {
  Image image(1, 3, 3);
  image.pixels = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  flip_horizontal(image);
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{7, 8, 9, 4, 5, 6, 1, 2, 3}));
}

}  // namespace
}  // namespace vit::data
