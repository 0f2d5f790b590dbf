#include "vit/io/image_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builders.h"
#include "vit/core/file.h"

namespace vit::io {
namespace {

using testing::be;
using testing::cat;
using ::testing::HasSubstr;
using testing::le;

std::string golden(const std::string& name) {
  return read_file(vit::testing::golden_path("io/" + name));
}

ImageHeader check(std::string_view contents) {
  return check_image(std::as_bytes(std::span(contents)), "x.png");
}

std::string refused_image(std::string_view contents) {
  auto message = testing::refused_cheaply([&] { check(contents); });
  EXPECT_THAT(message, HasSubstr("x.png: "));
  return message;
}

std::string png_chunk(const std::string& type, const std::string& data) {
  const auto checked = cat(type, data);
  return cat(be(static_cast<std::uint32_t>(data.size())), checked, be(testing::crc32(checked)));
}

std::string png(std::uint32_t width, std::uint32_t height, const std::string& rest) {
  return cat("\x89PNG\r\n\x1a\n",
             png_chunk("IHDR", cat(be(width), be(height), std::string_view("\x08\x02\0\0\0", 5))),
             rest);
}

const std::string kPixelChunks = cat(png_chunk("IDAT", "x"), png_chunk("IEND", ""));

struct Golden {
  const char* file;
  ImageFormat format;
};

class Images : public ::testing::TestWithParam<Golden> {};

TEST_P(Images, SayTheirFormatAndSize) {
  const auto header = check(golden(GetParam().file));
  EXPECT_EQ(header.format, GetParam().format);
  EXPECT_EQ(header.width, 17);
  EXPECT_EQ(header.height, 11);
  EXPECT_EQ(header.animated, std::string(GetParam().file) == "animated.webp");
}

INSTANTIATE_TEST_SUITE_P(
    Golden, Images,
    ::testing::Values(
        Golden{"rgb.jpg", ImageFormat::kJpeg}, Golden{"progressive.jpg", ImageFormat::kJpeg},
        Golden{"grey.jpg", ImageFormat::kJpeg}, Golden{"cmyk.jpg", ImageFormat::kJpeg},
        Golden{"turned.jpg", ImageFormat::kJpeg}, Golden{"rgb.png", ImageFormat::kPng},
        Golden{"palette.png", ImageFormat::kPng}, Golden{"alpha.png", ImageFormat::kPng},
        Golden{"sixteen.png", ImageFormat::kPng}, Golden{"lossy.webp", ImageFormat::kWebp},
        Golden{"lossless.webp", ImageFormat::kWebp}, Golden{"extended.webp", ImageFormat::kWebp},
        Golden{"animated.webp", ImageFormat::kWebp}, Golden{"rgb.bmp", ImageFormat::kBmp},
        Golden{"rgb.tif", ImageFormat::kTiff}, Golden{"packed.tif", ImageFormat::kTiff}));

TEST(Image, OfOnePixelIsLegal) {
  EXPECT_EQ(check(golden("one.png")).width, 1);
  EXPECT_EQ(check(png(1, 10'000, kPixelChunks)).height, 10'000);
}

TEST(ImageRefused, OfZeroBytes) { EXPECT_THAT(refused_image(""), HasSubstr("an empty file")); }
TEST(ImageRefused, ThatIsText) {
  EXPECT_THAT(refused_image("this is text, whatever its name says"),
              HasSubstr("found another file"));
}
TEST(ImageRefused, OfSixtyThousandSquared) {
  EXPECT_THAT(refused_image(png(60'000, 60'000, kPixelChunks)),
              HasSubstr("at most 100000000 pixels, found 60000 x 60000"));
  EXPECT_THAT(refused_image(png(UINT32_MAX, UINT32_MAX, kPixelChunks)),
              HasSubstr("at most 100000000"));
}
TEST(ImageRefused, WithoutPixels) {
  EXPECT_THAT(refused_image(png(0, 5, kPixelChunks)), HasSubstr("at least 1 x 1"));
}
TEST(ImageRefused, JpegCutAnywhere) {
  for (const auto* file : {"rgb.jpg", "progressive.jpg", "cmyk.jpg"}) {
    const auto whole = golden(file);
    for (std::size_t size = 3; size < whole.size(); ++size)
      EXPECT_THAT(refused_image(std::string_view(whole).substr(0, size)), HasSubstr("ends early"))
          << file << size;
  }
}
TEST(ImageRefused, JpegWithoutAnImage) {
  EXPECT_THAT(refused_image("\xff\xd8\xff\xd9"), HasSubstr("without an image"));
}
TEST(ImageRefused, PngCutAnywhere) {
  const auto whole = golden("rgb.png");
  for (std::size_t size = 8; size < whole.size(); ++size)
    EXPECT_THAT(refused_image(std::string_view(whole).substr(0, size)), HasSubstr("ends early"))
        << size;
}
TEST(ImageRefused, PngWithABadChecksum) {
  auto file = golden("rgb.png");
  file[file.find("IDAT") + 10] ^= 1;
  EXPECT_THAT(refused_image(file), HasSubstr("checksum of the PNG's 'IDAT' chunk"));
}
TEST(ImageRefused, PngOfStrangeChunks) {
  EXPECT_THAT(refused_image(cat("\x89PNG\r\n\x1a\n", kPixelChunks)), HasSubstr("one IHDR"));
  EXPECT_THAT(refused_image(png(1, 1, cat(png_chunk("IHDR", std::string(13, '\1')), kPixelChunks))),
              HasSubstr("one IHDR"));
  EXPECT_THAT(refused_image(png(1, 1, png_chunk("IEND", ""))), HasSubstr("without an image"));
  EXPECT_THAT(refused_image(png(1, 1, cat(be(UINT32_MAX), "IDAT", std::string(100, 'x')))),
              HasSubstr("ends early"));
}
TEST(ImageRefused, WebpCutShort) {
  for (const auto* file : {"lossy.webp", "lossless.webp", "extended.webp"}) {
    const auto whole = golden(file);
    for (std::size_t size = 12; size < whole.size(); ++size)
      refused_image(std::string_view(whole).substr(0, size));
  }
}
TEST(ImageRefused, BmpAndTiffWithoutAHeader) {
  EXPECT_THAT(refused_image("BM"), HasSubstr("BMP header"));
  EXPECT_THAT(refused_image(cat("BM", std::string(60, '\xff'))), HasSubstr("BMP header"));
  EXPECT_THAT(refused_image(std::string_view("II*\0", 4)), HasSubstr("TIFF ends early"));
  EXPECT_THAT(refused_image(cat(std::string_view("II*\0", 4), le(UINT32_MAX))),
              HasSubstr("TIFF ends early"));
  EXPECT_THAT(
      refused_image(cat(std::string_view("MM\0*", 4), be<std::uint32_t>(8), be<std::uint16_t>(0))),
      HasSubstr("does not say its size"));
}
TEST(Image, BmpRowsFromTheTopDownHaveTheirHeight) {
  auto file = golden("rgb.bmp");
  file.replace(22, 4, le<std::int32_t>(-11));
  EXPECT_EQ(check(file).height, 11);
  file.replace(22, 4, le<std::int32_t>(INT32_MIN));
  EXPECT_THAT(refused_image(file), HasSubstr("at most 100000000 pixels"));
}

}  // namespace
}  // namespace vit::io
