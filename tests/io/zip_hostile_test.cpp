// Every way in which a zip can lie, through the readers that rest on it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builders.h"
#include "vit/io/npy.h"
#include "vit/io/torch_file.h"

namespace vit::io {
namespace {

using testing::cat;
using testing::data_error;
using ::testing::HasSubstr;
using testing::le;
using testing::npy;
using testing::zip;
using testing::ZipMember;

const std::string kArray =
    npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n", "abc");

/// A zip64 extra field.
std::string zip64(std::uint64_t size, std::uint64_t compressed) {
  return cat(le<std::uint16_t>(1), le<std::uint16_t>(16), le(size), le(compressed));
}

class ZipRefuses : public ::testing::Test {
 protected:
  std::string refused(std::string_view contents) {
    const auto path = files_.write("bad.npz", contents);
    auto message = testing::refused_cheaply([&] { read_npz(path); });
    return message;
  }

  testing::Files files_;
};

TEST_F(ZipRefuses, NothingThatIsRight) {
  const auto table = read_npz(files_.write("good.npz", zip({{"a.npy", kArray}})));
  EXPECT_EQ(table.find("a")->numel(), 3);
}
TEST_F(ZipRefuses, AnEmptyFile) { EXPECT_THAT(refused(""), HasSubstr("end record")); }
TEST_F(ZipRefuses, AFileWithoutAnEndRecord) {
  EXPECT_THAT(refused(zip({{"a.npy", kArray}}, {.end_record = false})), HasSubstr("end record"));
}
TEST_F(ZipRefuses, AFileCutShort) {
  const auto whole = zip({{"a.npy", kArray}});
  for (std::size_t size = 0; size < whole.size(); ++size)
    refused(std::string_view(whole).substr(0, size));
}
TEST_F(ZipRefuses, BytesBehindTheEndRecord) {
  EXPECT_THAT(refused(zip({{"a.npy", kArray}}) + "x"), HasSubstr("end record"));
}
TEST_F(ZipRefuses, AClaimOf65535Entries) {
  EXPECT_THAT(refused(zip({{"a.npy", kArray}}, {.claimed_count = 65535})), HasSubstr("entries in"));
}
TEST_F(ZipRefuses, FewerEntriesThanThereAre) {
  EXPECT_THAT(refused(zip({{"a.npy", kArray}, {"b.npy", kArray}}, {.claimed_count = 1})),
              HasSubstr("found more"));
}
TEST_F(ZipRefuses, AnEntryPastTheEnd) {
  EXPECT_THAT(refused(zip({{.name = "a.npy", .contents = kArray, .offset = 1 << 20}})),
              HasSubstr("expected an offset within"));
}
TEST_F(ZipRefuses, AnEntryThatPointsIntoTheDirectory) {
  EXPECT_THAT(refused(zip({{.name = "a.npy", .contents = kArray, .offset = 170}})),
              HasSubstr("'a.npy'"));
}
TEST_F(ZipRefuses, ALocalHeaderThatDiffersFromTheDirectory) {
  EXPECT_THAT(refused(zip({{.name = "a.npy", .contents = kArray, .local_name = "b.npy"}})),
              HasSubstr("'a.npy': the local header differs"));
}
TEST_F(ZipRefuses, TwoEntriesOfTheSameBytes) {
  EXPECT_THAT(refused(zip({{"a.npy", kArray}, {.name = "b.npy", .contents = kArray, .offset = 0}})),
              HasSubstr("local header differs"));
}
TEST_F(ZipRefuses, EntriesThatOverlap) {
  // A second local header inside the first entry's data.
  const auto inner = zip({{"b.npy", kArray}});
  const auto local = inner.substr(0, inner.find("PK\x01\x02"));
  EXPECT_THAT(refused(zip({{"a.npy", local + "tail"},
                           {.name = "b.npy", .contents = kArray, .offset = 35}})),
              HasSubstr("expected the zip entry at offset 0 to end before 35"));
}
TEST_F(ZipRefuses, AWrongChecksum) {
  const auto message = refused(zip({{.name = "a.npy", .contents = kArray, .crc = 12345}}));
  EXPECT_THAT(message, HasSubstr("'a.npy': the checksum (CRC-32) is wrong"));
  EXPECT_THAT(message, HasSubstr("check_crc=false"));
  EXPECT_EQ(read_npz(files_ / "bad.npz", false).entries().size(), 1U);
}
TEST_F(ZipRefuses, AnEntryDeflatedToAThousandth) {
  constexpr std::uint64_t kSize = 100'000'000;
  const auto contents =
      npy(format("{'descr': '|u1', 'fortran_order': False, 'shape': ({},), }\n", kSize)) +
      std::string(kSize, '\0');
  EXPECT_THAT(refused(zip({{.name = "a.npy",
                            .contents = testing::deflate(contents),
                            .method = 8,
                            .size = contents.size(),
                            .crc = testing::crc32(contents)}})),
              HasSubstr("at most 200 times as many"));
}
TEST_F(ZipRefuses, AnEntryThatInflatesToMoreThanItClaims) {
  EXPECT_THAT(refused(zip({{.name = "a.npy",
                            .contents = testing::deflate(kArray + std::string(1000, '\0')),
                            .method = 8,
                            .size = kArray.size(),
                            .crc = testing::crc32(kArray)}})),
              HasSubstr("at most 71 inflated bytes"));
}
TEST_F(ZipRefuses, AnEntryThatInflatesToLessThanItClaims) {
  EXPECT_THAT(refused(zip({{.name = "a.npy",
                            .contents = testing::deflate(kArray),
                            .method = 8,
                            .size = kArray.size() + 1,
                            .crc = testing::crc32(kArray)}})),
              HasSubstr("expected 72 inflated bytes, found 71"));
}
TEST_F(ZipRefuses, DamagedCompressedData) {
  auto compressed = testing::deflate(kArray);
  compressed[2] = static_cast<char>(compressed[2] ^ 0x55);
  refused(zip({{.name = "a.npy",
                .contents = compressed,
                .method = 8,
                .size = kArray.size(),
                .crc = testing::crc32(kArray)}}));
  EXPECT_THAT(refused(zip({{.name = "a.npy",
                            .contents = testing::deflate(kArray).substr(0, 20),
                            .method = 8,
                            .size = kArray.size(),
                            .crc = testing::crc32(kArray)}})),
              HasSubstr("compressed data"));
}
TEST_F(ZipRefuses, ASizeThatTheArrayInsideContradicts) {
  const auto contents =
      npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000), }\n", "abc");
  EXPECT_THAT(refused(zip({{.name = "a.npy",
                            .contents = testing::deflate(contents),
                            .method = 8,
                            .size = contents.size(),
                            .crc = testing::crc32(contents)}})),
              HasSubstr("expected 8000000"));
}
TEST_F(ZipRefuses, NamesThatLeaveTheFolder) {
  for (const auto* name : {"../a.npy", "x/../../a.npy", "/a.npy", "C:/a.npy", "x\\a.npy", ".."})
    EXPECT_THAT(refused(zip({{name, kArray}})), HasSubstr("plain relative names")) << name;
}
TEST_F(ZipRefuses, NamesThatAreNotUtf8) {
  EXPECT_THAT(refused(zip({{"\xff.npy", kArray}})), HasSubstr("'\\xff.npy'"));
}
TEST_F(ZipRefuses, TwoEntriesOfOneName) {
  EXPECT_THAT(refused(zip({{"a.npy", kArray}, {"a.npy", kArray}})),
              HasSubstr("'a.npy': there are two of them"));
}
TEST_F(ZipRefuses, AnEntryThatIsNoArray) {
  EXPECT_THAT(refused(zip({{"readme.txt", "hello"}})), HasSubstr("arrays (.npy) alone"));
}
TEST_F(ZipRefuses, Zip64SizesThatLie) {
  for (const auto size : {std::uint64_t{1} << 40, UINT64_MAX, std::uint64_t{70}})
    EXPECT_THAT(refused(zip({{.name = "a.npy",
                              .contents = kArray,
                              .extra = zip64(size, size),
                              .saturated = true}})),
                HasSubstr("bad.npz"))
        << size;
}
TEST_F(ZipRefuses, SaturatedSizesWithoutZip64) {
  EXPECT_THAT(refused(zip({{.name = "a.npy", .contents = kArray, .saturated = true}})),
              HasSubstr("expected 4294967295 bytes"));
}
TEST_F(ZipRefuses, AZip64EndRecordThatPointsAnywhere) {
  const auto whole = zip({{"a.npy", kArray}});
  const auto end = whole.size() - 22;
  for (const auto offset : {std::uint64_t{0}, std::uint64_t{1} << 40, UINT64_MAX}) {
    const auto locator = cat("PK\x06\x07", le<std::uint32_t>(0), le(offset), le<std::uint32_t>(1));
    EXPECT_THAT(refused(whole.substr(0, end) + locator + whole.substr(end)),
                HasSubstr("zip64 end record"));
  }
}
TEST_F(ZipRefuses, TwoEndRecordsThatDiffer) {
  const auto whole = zip({{"a.npy", kArray}});
  const auto end = whole.size() - 22;
  const auto wide = cat("PK\x06\x06", le<std::uint64_t>(44), le<std::uint32_t>(0),
                        le<std::uint64_t>(0), le<std::uint64_t>(1), le<std::uint64_t>(5),
                        le<std::uint64_t>(51), le<std::uint64_t>(106));
  const auto locator =
      cat("PK\x06\x07", le<std::uint32_t>(0), le<std::uint64_t>(end), le<std::uint32_t>(1));
  EXPECT_THAT(refused(whole.substr(0, end) + wide + locator + whole.substr(end)),
              HasSubstr("two end records differ"));
}
TEST_F(ZipRefuses, EncryptedEntriesAndOtherMethods) {
  auto encrypted = zip({{"a.npy", kArray}});
  encrypted[encrypted.find("PK\x01\x02") + 8] = 1;
  EXPECT_THAT(refused(encrypted), HasSubstr("encrypted"));
  EXPECT_THAT(refused(zip({{.name = "a.npy", .contents = kArray, .method = 12}})),
              HasSubstr("found method 12"));
}
TEST_F(ZipRefuses, AStoredEntryOfTwoSizes) {
  EXPECT_THAT(refused(zip({{.name = "a.npy", .contents = kArray, .size = 5}})),
              HasSubstr("two sizes to be equal"));
}

}  // namespace
}  // namespace vit::io
