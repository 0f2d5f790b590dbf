#include "vit/data/encode.h"

#include <gtest/gtest.h>

#include <cmath>

#include "vit/core/error.h"

namespace vit::data {
namespace {

Image gradient(std::int64_t channels) {
  Image image(13, 17, channels);
  for (std::int64_t y = 0; y < image.height; ++y)
    for (std::int64_t i = 0; i < image.width * channels; ++i)
      image.row(y)[i] = static_cast<std::uint8_t>(y * 9 + i * 3);
  return image;
}

Image decoded(const std::string& bytes, std::int64_t channels) {
  return decode_image(std::as_bytes(std::span(bytes)), "encoded", channels);
}

TEST(EncodePng, KeepsEveryPixel) {
  for (const std::int64_t channels : {1, 3}) {
    const auto image = gradient(channels);
    EXPECT_EQ(decoded(encode_png(image), channels).pixels, image.pixels);
  }
}

TEST(EncodeJpeg, KeepsTheImage) {
  const auto image = gradient(3);
  const auto back = decoded(encode_jpeg(image, 95), 3);
  ASSERT_EQ(back.pixels.size(), image.pixels.size());
  double difference = 0;
  for (std::size_t i = 0; i < back.pixels.size(); ++i)
    difference += std::abs(back.pixels[i] - image.pixels[i]);
  // Lossy, with halved colour: a few levels on average.
  EXPECT_LT(difference / static_cast<double>(back.pixels.size()), 12.0);
}

TEST(Encode, RefusesWhatIsNoImage) {
  EXPECT_THROW(encode_png(Image()), DataError);
  EXPECT_THROW(encode_jpeg(Image(2, 2, 2)), DataError);
}

}  // namespace
}  // namespace vit::data
