// Images in other memory layouts, against the same image decoded from its file.
#include "vit/core/image_view.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "vit/core/error.h"
#include "vit/data/eval_transform.h"

namespace vit::data {
namespace {

using vit::testing::GoldenImages;

constexpr ChannelOrder kColour[] = {ChannelOrder::kRgb, ChannelOrder::kBgr, ChannelOrder::kRgba,
                                    ChannelOrder::kBgra};

/// A copy of `image` in the middle of a larger buffer that is full of other values.
class Layout {
 public:
  Layout(const Image& image, ChannelOrder order, bool bottom_up = false) {
    constexpr std::int64_t kMargin = 7;
    view_ = {nullptr, image.height, image.width, 0, order};
    const auto step = view_.channels();
    view_.stride = (image.width + 2 * kMargin) * step + 5;
    bytes_.assign(static_cast<std::size_t>(view_.stride * (image.height + 2)), 0xA5);
    auto* begin = bytes_.data() + view_.stride + kMargin * step;
    if (bottom_up) {
      begin += (image.height - 1) * view_.stride;
      view_.stride = -view_.stride;
    }
    view_.pixels = begin;
    for (std::int64_t y = 0; y < image.height; ++y)
      for (std::int64_t x = 0; x < image.width; ++x)
        for (std::int64_t c = 0; c < image.channels; ++c)
          begin[y * view_.stride + x * step + view_.byte_of(c)] =
              image.row(y)[x * image.channels + c];
  }

  const ImageView& view() const { return view_; }

 private:
  std::vector<std::uint8_t> bytes_;
  ImageView view_;
};

std::vector<float> input_of(const EvalTransform& transform, const ImageView& image) {
  std::vector<float> chw(static_cast<std::size_t>(transform.numel()));
  transform(image, chw);
  return chw;
}

/// One transform for each way through the code: shrinks, grows, keeps one side, keeps the size,
/// pads; in each order of passes and with each kind of filter.
std::vector<EvalTransform> transforms(const Image& photo, std::int64_t channels) {
  std::vector<EvalTransform> all;
  const Size2d sizes[] = {{24, 24},
                          {200, 180},
                          {photo.height, photo.width},
                          {photo.height, 30},
                          {30, photo.width},
                          {photo.height + 9, photo.width + 4},
                          {17, 90}};
  for (const char* mode : {"center", "squash", "border"})
    for (const char* filter : {"bicubic", "nearest"})
      for (const std::int64_t pillow : {12, 13})
        for (const auto& size : sizes) {
          Preprocessing preprocessing;
          preprocessing.mean = {0.1, 0.5, 0.9};
          preprocessing.std = {0.2, 0.3, 0.4};
          if (channels == 1) preprocessing.mean = preprocessing.std = {0.3};
          preprocessing.crop_mode = mode;
          preprocessing.interpolation = filter;
          preprocessing.pillow = pillow;
          preprocessing.crop_pct = size[0] == photo.height ? 1.0 : 0.9;
          all.emplace_back(preprocessing, size, channels);
        }
  return all;
}

TEST(ImageView, OfEveryColourOrderGivesTheBitsOfTheFile) {
  const auto photo = decode_image(GoldenImages::path("photo.png"), 3);
  for (const std::int64_t channels : {3, 1}) {
    const auto file = decode_image(GoldenImages::path("photo.png"), channels);
    for (const auto& transform : transforms(photo, channels)) {
      const auto expected = input_of(transform, file);
      for (const auto order : kColour)
        for (const bool bottom_up : {false, true})
          ASSERT_EQ(input_of(transform, Layout(photo, order, bottom_up).view()), expected)
              << "order " << static_cast<int>(order) << ", " << channels << " channels, size "
              << transform.size()[0] << "x" << transform.size()[1];
    }
  }
}

TEST(ImageView, InGreyGivesTheBitsOfItsColourFile) {
  const auto grey = decode_image(GoldenImages::path("photo.png"), 1);
  for (const std::int64_t channels : {3, 1})
    for (const auto& transform : transforms(grey, channels))
      ASSERT_EQ(input_of(transform, Layout(grey, ChannelOrder::kGrey).view()),
                input_of(transform, convert(grey, channels)));
}

TEST(ImageView, OfARegionGivesTheBitsOfTheCroppedImage) {
  const auto photo = decode_image(GoldenImages::path("photo.png"), 3);
  const Region region{3, 5, photo.height - 9, photo.width - 8};
  const EvalTransform transform({}, {24, 32}, 3);
  for (const auto order : kColour)
    EXPECT_EQ(
        input_of(transform, Layout(photo, order)
                                .view()
                                .region(region.top, region.left, region.height, region.width)),
        input_of(transform, crop(photo, region)));
}

TEST(ImageView, IsShownAsTheModelsRgbWhateverItsOrder) {
  const auto photo = decode_image(GoldenImages::path("photo.png"), 3);
  for (const auto& transform : transforms(photo, 3)) {
    const auto expected = transform.crop(photo);
    ASSERT_EQ(expected.channels, 3);
    for (const auto order : kColour)
      ASSERT_EQ(transform.crop(Layout(photo, order).view()).pixels, expected.pixels);
  }
  for (const auto& transform : transforms(photo, 1)) {
    const auto shown = transform.crop(Layout(photo, ChannelOrder::kBgr).view());
    ASSERT_EQ(shown.pixels, transform.crop(convert(photo, 1)).pixels);
    ASSERT_EQ(static_cast<std::int64_t>(shown.pixels.size()), transform.numel());
  }
}

TEST(ImageView, WithoutPixelsIsRefusedByTheTransform) {
  const EvalTransform transform({}, {8, 8}, 3);
  EXPECT_THROW(input_of(transform, {}), DataError);
  EXPECT_THROW(input_of(transform, Image(4, 4, 2)), DataError);
}

TEST(Normalize, RefusesColoursThatTheModelDoesNotHave) {
  std::vector<float> one(1);
  EXPECT_THROW(Normalize({0.5}, {0.5}, 1)(Image(1, 1, 3), one), DataError);
  EXPECT_THROW(Normalize({0.5}, {0.5}, 3)(Image(1, 1, 3), one), DataError);
}

}  // namespace
}  // namespace vit::data
