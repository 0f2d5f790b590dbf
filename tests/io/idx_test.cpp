#include "vit/io/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "builders.h"
#include "vit/core/file.h"

namespace vit::io {
namespace {

using testing::be;
using testing::cat;
using ::testing::HasSubstr;

std::string idx(std::uint32_t magic, const std::vector<std::uint32_t>& shape,
                std::string_view data) {
  auto file = be(magic);
  for (const auto size : shape) file += be(size);
  return cat(file, data);
}

/// gzip of a stored or deflated stream.
std::string gzip(std::string_view contents) {
  return cat(std::string_view("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10),
             testing::deflate(contents), testing::le(testing::crc32(contents)),
             testing::le(static_cast<std::uint32_t>(contents.size())));
}

TEST(Idx, ReadsImagesAndLabelsPlainAndGzipped) {
  std::vector<std::uint8_t> pixels(24);
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{0});
  for (const auto* suffix : {"", ".gz"}) {
    const auto images =
        read_idx(vit::testing::golden_path(std::string("io/images-idx3-ubyte") + suffix));
    EXPECT_EQ(images.shape, (std::vector<std::int64_t>{2, 3, 4}));
    EXPECT_EQ(images.data, pixels);
    const auto labels =
        read_idx(vit::testing::golden_path(std::string("io/labels-idx1-ubyte") + suffix));
    EXPECT_EQ(labels.shape, (std::vector<std::int64_t>{2}));
    EXPECT_EQ(labels.data, (std::vector<std::uint8_t>{3, 9}));
  }
}

class IdxRefuses : public ::testing::Test {
 protected:
  std::string refused(std::string_view contents) {
    const auto path = files_.write("bad-idx", contents);
    auto message = testing::refused_cheaply([&] { read_idx(path); });
    EXPECT_THAT(message, HasSubstr("bad-idx: "));
    return message;
  }

  testing::Files files_;
};

TEST_F(IdxRefuses, AnEmptyFile) { EXPECT_THAT(refused(""), HasSubstr("an empty file")); }
TEST_F(IdxRefuses, AnotherMagic) {
  EXPECT_THAT(refused(idx(0x802, {1, 1}, "x")), HasSubstr("magic 00 00 08 01"));
  EXPECT_THAT(refused(idx(0xD03, {1, 1, 1}, "x")), HasSubstr("magic 00 00 08 01"));
}
TEST_F(IdxRefuses, AHeaderCutShort) {
  EXPECT_THAT(refused(idx(0x803, {1, 1}, "")), HasSubstr("header of 16 bytes, found 12"));
}
TEST_F(IdxRefuses, CountsThatDiffer) {
  EXPECT_THAT(refused(idx(0x801, {3}, "12")),
              HasSubstr("expected 11 bytes for shape [3], found 10"));
  EXPECT_THAT(refused(idx(0x801, {1}, "12")),
              HasSubstr("expected 9 bytes for shape [1], found 10"));
}
TEST_F(IdxRefuses, CountsThatOverflow) {
  EXPECT_THAT(refused(idx(0x803, {UINT32_MAX, UINT32_MAX, UINT32_MAX}, "x")),
              HasSubstr("size can be counted"));
  EXPECT_THAT(refused(idx(0x803, {UINT32_MAX, 1, 1}, "x")), HasSubstr("expected 4294967311 bytes"));
}
TEST_F(IdxRefuses, GzipCutShort) {
  const auto whole = gzip(idx(0x801, {300}, std::string(300, 'l')));
  for (std::size_t size = 2; size < whole.size(); ++size)
    EXPECT_THAT(refused(whole.substr(0, size)), HasSubstr("bad-idx")) << size;
}
TEST_F(IdxRefuses, GzipWithAWrongChecksum) {
  auto file = gzip(idx(0x801, {2}, "12"));
  file[file.size() - 5] = static_cast<char>(file[file.size() - 5] ^ 1);
  EXPECT_THAT(refused(file), HasSubstr("damaged"));
}
TEST_F(IdxRefuses, GzipWithBytesBehindIt) {
  EXPECT_THAT(refused(gzip(idx(0x801, {2}, "12")) + "x"), HasSubstr("nothing behind"));
}
TEST_F(IdxRefuses, GzipThatInflatesToMoreThanItsHeaderSays) {
  EXPECT_THAT(refused(gzip(idx(0x801, {2}, std::string(100'000'000, 'x')))),
              HasSubstr("at most 10 inflated bytes"));
}
TEST_F(IdxRefuses, GzipThatInflatesToLess) {
  EXPECT_THAT(refused(gzip(idx(0x801, {5}, "12"))), HasSubstr("expected 13 bytes"));
}
TEST_F(IdxRefuses, GzipThatClaimsMoreThanItCanHold) {
  EXPECT_THAT(refused(gzip(idx(0x803, {60000, 28, 2800}, "12"))), HasSubstr("compressed bytes"));
  EXPECT_THAT(refused(gzip(idx(0x803, {UINT32_MAX, 1000, 1000}, "12"))),
              HasSubstr("compressed bytes"));
}
TEST_F(IdxRefuses, GzipOfGzip) {
  EXPECT_THAT(refused(gzip(gzip(idx(0x801, {2}, "12")))), HasSubstr("expected an IDX file"));
}

}  // namespace
}  // namespace vit::io
