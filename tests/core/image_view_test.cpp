#include "vit/core/image_view.h"

#include <gtest/gtest.h>

#include <list>

namespace vit {
namespace {

TEST(ImageView, FindsRedWhereverItStands) {
  const auto byte_of_red = [](ChannelOrder order) {
    return ImageView{nullptr, 1, 1, 4, order}.byte_of(0);
  };
  EXPECT_EQ(byte_of_red(ChannelOrder::kGrey), 0);
  EXPECT_EQ(byte_of_red(ChannelOrder::kRgb), 0);
  EXPECT_EQ(byte_of_red(ChannelOrder::kRgba), 0);
  EXPECT_EQ(byte_of_red(ChannelOrder::kBgr), 2);
  EXPECT_EQ(byte_of_red(ChannelOrder::kBgra), 2);
}

TEST(ImageView, ShowsARegionInPlace) {
  const std::vector<std::uint8_t> pixels(100);
  const ImageView view{pixels.data(), 4, 5, 20, ChannelOrder::kBgr};
  const auto region = view.region(2, 3, 2, 1);
  EXPECT_EQ(region.pixels, pixels.data() + 2 * 20 + 3 * 3);
  EXPECT_EQ(region.height, 2);
  EXPECT_EQ(region.width, 1);
  EXPECT_EQ(region.row(1) - region.row(0), 20);
}

TEST(ImageView, IsRefusedWithoutPixelsOrWithRowsThatOverlap) {
  const std::uint8_t pixel = 0;
  EXPECT_THROW(check_image_view({}), DataError);
  EXPECT_THROW(check_image_view({nullptr, 2, 2, 6, ChannelOrder::kRgb}), DataError);
  EXPECT_THROW(check_image_view({&pixel, 0, 2, 6, ChannelOrder::kRgb}), DataError);
  EXPECT_THROW(check_image_view({&pixel, 2, 2, 5, ChannelOrder::kRgb}), DataError);
  EXPECT_NO_THROW(check_image_view({&pixel, 2, 2, -6, ChannelOrder::kRgb}));
  EXPECT_NO_THROW(check_image_view({&pixel, 1, 2, 0, ChannelOrder::kRgb}));
}

TEST(ImageViews, AreMadeOfAnyRangeOfImages) {
  const std::uint8_t pixel = 0;
  const std::list<ImageView> images(3, ImageView{&pixel, 1, 1, 1, ChannelOrder::kGrey});
  EXPECT_EQ(image_views(images).size(), 3U);
}

}  // namespace
}  // namespace vit
