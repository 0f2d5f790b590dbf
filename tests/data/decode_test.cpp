#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "golden.h"
#include "vit/core/error.h"
#include "vit/data/image.h"

namespace vit::data {
namespace {

using ::testing::HasSubstr;
using vit::testing::GoldenImages;

std::vector<std::byte> read_bytes(const std::string& name) {
  const auto text = read_file(GoldenImages::path(name));
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(Decode, EqualsPillowsRgbOfEveryKindOfFile) {
  const auto& golden = GoldenImages::get();
  for (const auto& one : golden.cases("decoded")) {
    const auto file = one["file"].get<std::string>();
    SCOPED_TRACE(file);
    const auto image = decode_image(GoldenImages::path(file), 3);
    ASSERT_EQ(image.height, one["height"].get<std::int64_t>());
    ASSERT_EQ(image.width, one["width"].get<std::int64_t>());
    EXPECT_EQ(image.pixels, golden.bytes(one["rgb"], image.pixels.size()));
  }
}

TEST(Decode, EqualsPillowsGreyOfEveryKindOfFile) {
  const auto& golden = GoldenImages::get();
  for (const auto& one : golden.cases("decoded")) {
    const auto file = one["file"].get<std::string>();
    SCOPED_TRACE(file);
    const auto image = decode_image(GoldenImages::path(file), 1);
    EXPECT_EQ(image.pixels, golden.bytes(one["grey"], image.pixels.size()));
  }
}

TEST(Decode, RefusesAFileThatIsCutShort) {
  for (const std::string name :
       {"q90.jpg", "progressive.jpg", "restarts.jpg", "rgb.png", "interlaced_rgb.png", "lossy.webp",
        "lossless.webp", "mode_RGB.bmp", "rle8.bmp", "mode_RGB.tif", "lzw.tif"}) {
    const auto whole = read_bytes(name);
    for (const int percent : {10, 50, 90}) {
      SCOPED_TRACE(name + " cut at " + std::to_string(percent) + " %");
      const auto part =
          std::span(whole).first(whole.size() * static_cast<std::size_t>(percent) / 100);
      EXPECT_THROW(decode_image(part, "cut", 3), DataError);
    }
  }
}

TEST(Decode, SurvivesAnyOneByteThatIsWrong) {
  // Some of these decode, some are refused; none may crash or hang.
  for (const std::string name :
       {"q90.jpg", "cmyk.jpg", "palette.png", "interlaced_grey1.png", "animated.webp", "rle4.bmp",
        "bits32_xbgr.bmp", "lzw.tif", "jpeg.tif", "mode_P.tif", "orientation6.tif"}) {
    auto bytes = read_bytes(name);
    const auto step = std::max<std::size_t>(bytes.size() / 300, 1);
    for (std::size_t i = 0; i < bytes.size(); i += step) {
      const auto kept = bytes[i];
      for (const int wrong : {0x00, 0x7F, 0xFF}) {
        bytes[i] = static_cast<std::byte>(wrong);
        try {
          decode_image(bytes, name, 3);
        } catch (const DataError&) {
        }
      }
      bytes[i] = kept;
    }
  }
}

TEST(Decode, RefusesAPngWithAWrongChecksum) {
  auto bytes = read_bytes("rgb.png");
  bytes[bytes.size() - 20] ^= std::byte{1};
  EXPECT_THROW(decode_image(bytes, "bad.png", 3), DataError);
}

TEST(Decode, RefusesATiffsCompressionThatPillowHasNot) {
  // JBIG, LERC, WebP, PixarLog, JPEG 2000, and a number that is nobody's.
  for (const int compression : {34661, 34887, 50001, 32909, 34712, 12345}) {
    auto bytes = read_bytes("lzw.tif");
    const std::array<std::byte, 10> tag{std::byte{3}, std::byte{1}, std::byte{3}, std::byte{0},
                                        std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0},
                                        std::byte{5}, std::byte{0}};
    const auto found = std::ranges::search(bytes, tag);
    ASSERT_EQ(found.size(), tag.size());
    found[8] = static_cast<std::byte>(compression & 255);
    found[9] = static_cast<std::byte>(compression >> 8);
    try {
      decode_image(bytes, "one.tif", 3);
      FAIL() << compression << ": no error";
    } catch (const DataError& error) {
      EXPECT_STREQ(error.what(),
                   format("one.tif: TIFF: compression {} is not supported", compression).c_str());
    }
  }
}

TEST(Decode, NamesTheFileInItsError) {
  const vit::testing::TemporaryFolder folder;
  std::ofstream(folder / "text.jpg") << "this is no image";
  try {
    decode_image(folder / "text.jpg", 3);
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr((folder / "text.jpg").string()));
  }
}

TEST(Decode, TellsAMissingFileFromABadOne) {
  const vit::testing::TemporaryFolder folder;
  EXPECT_THROW(decode_image(folder / "missing.png", 3), IoError);
  std::filesystem::create_directory(folder / "folder.png");
  EXPECT_THROW(decode_image(folder / "folder.png", 3), IoError);
  std::ofstream(folder / "empty.png").close();
  EXPECT_THROW(decode_image(folder / "empty.png", 3), DataError);
}

}  // namespace
}  // namespace vit::data
