// Archives as Python's tarfile writes them, and every way in which one can lie.
#include "vit/io/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "builders.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

using testing::cat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Entry {
  std::string name{};
  std::string data{};
  char type = '0';
  std::string magic = std::string(
      "ustar\0"
      "00",
      8);
  std::string prefix{};
  std::string size_field{};  // in place of the data's size
  bool padded = true;
};

std::string octal(std::uint64_t value, int digits) {
  std::string text(static_cast<std::size_t>(digits) + 1, '\0');
  std::snprintf(text.data(), text.size(), "%0*llo", digits, static_cast<unsigned long long>(value));
  return text;
}

void put(std::string& header, std::size_t at, const std::string& text) {
  std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string with_checksum(std::string header, bool as_signed = false) {
  put(header, 148, "        ");
  std::int64_t sum = 0;
  for (const char c : header)
    sum += as_signed ? static_cast<signed char>(c) : static_cast<unsigned char>(c);
  put(header, 148, octal(static_cast<std::uint64_t>(sum), 6) + " ");
  return header;
}

std::string header_of(const Entry& entry) {
  std::string header(512, '\0');
  put(header, 0, entry.name);
  put(header, 100, octal(0644, 7));
  put(header, 124, entry.size_field.empty() ? octal(entry.data.size(), 11) : entry.size_field);
  header[156] = entry.type;
  put(header, 257, entry.magic);
  put(header, 345, entry.prefix);
  return header;
}

std::string member(const Entry& entry) {
  auto text = cat(with_checksum(header_of(entry)), entry.data);
  if (entry.padded) text.resize((text.size() + 511) / 512 * 512);
  return text;
}

std::string pax(const std::string& key, const std::string& value) {
  auto length = key.size() + value.size() + 3;
  // The length counts its own digits.
  while (std::to_string(length).size() + key.size() + value.size() + 3 != length)
    length = std::to_string(length).size() + key.size() + value.size() + 3;
  return cat(std::to_string(length), " ", key, "=", value, "\n");
}

std::string pax_header(const std::string& records, char type = 'x') {
  return member({.name = "pax", .data = records, .type = type});
}

const std::string kEnd(1024, '\0');

ByteRange in_memory(const std::string& archive) {
  const auto bytes = std::as_bytes(std::span(archive));
  return memory_bytes({bytes.begin(), bytes.end()});
}

std::vector<std::string> names_of(const std::string& archive) {
  std::vector<std::string> names;
  for (const auto& one : read_tar_members(in_memory(archive), "a.tar")) names.push_back(one.name);
  return names;
}

std::string refused(const std::string& archive) {
  return testing::refused_cheaply([&] { names_of(archive); });
}

TEST(Tar, ReadsWhatTarfileWritesInEveryForm) {
  for (const auto* form : {"ustar", "gnu", "pax"}) {
    const auto tar = read_tar(vit::testing::golden_path("shards") / (std::string(form) + ".tar"));
    const auto count = std::string(form) == "ustar" ? 12U : 14U;
    ASSERT_EQ(tar.size(), count) << form;
    EXPECT_EQ(tar[0].name, "__info__");
    EXPECT_EQ(tar[2].name, "train/0001.cls");
    EXPECT_EQ(tar[2].bytes.read_all(), (std::vector{std::byte{'3'}, std::byte{'\n'}}));
    EXPECT_EQ(tar[9].name, std::string(90, 'd') + "/" + std::string(60, 'e') + "/0004.png");
    if (count == 14U) {
      EXPECT_EQ(tar[11].name, std::string(300, 'x') + "ß.png") << form;
    }
  }
}

TEST(Tar, ReadsOldHeadersAndBothChecksums) {
  EXPECT_THAT(names_of(cat(member({.name = "a", .type = '\0', .magic = ""}), kEnd)),
              ElementsAre("a"));
  // GNU's magic: what ustar calls the prefix holds times.
  EXPECT_THAT(
      names_of(
          cat(member({.name = "a", .magic = std::string("ustar  \0", 8), .prefix = "0123"}), kEnd)),
      ElementsAre("a"));
  EXPECT_THAT(names_of(cat(member({.name = "b", .prefix = "a"}), kEnd)), ElementsAre("a/b"));
  EXPECT_THAT(names_of(cat(with_checksum(header_of({.name = "\xC3\x9F"}), true), kEnd)),
              ElementsAre("ß"));
}

TEST(Tar, ReadsSizesInBinaryAndFromPax) {
  std::string binary(12, '\0');
  binary[0] = '\x80';
  binary[11] = 3;
  EXPECT_THAT(names_of(cat(member({.name = "a", .data = "abc", .size_field = binary}),
                           member({.name = "b"}), kEnd)),
              ElementsAre("a", "b"));
  EXPECT_THAT(names_of(cat(pax_header(pax("size", "3")),
                           member({.name = "a", .data = "abc", .size_field = octal(0, 11)}),
                           member({.name = "b"}), kEnd)),
              ElementsAre("a", "b"));
}

TEST(Tar, NeedsNoEndAndNoPaddingOfTheLastMember) {
  EXPECT_THAT(names_of(member({.name = "a", .data = "abc"})), ElementsAre("a"));
  EXPECT_THAT(names_of(member({.name = "a", .data = "abc", .padded = false})), ElementsAre("a"));
}

TEST(Tar, PassesOverFoldersLinksAndDevices) {
  std::string archive;
  for (const char type : {'1', '2', '3', '4', '5', '6'})
    archive += member({.name = "x", .type = type, .size_field = octal(512, 11)});
  archive += member({.name = "old/", .type = '\0', .magic = ""});
  archive += member({.name = "vendor", .data = "data", .type = 'V'});
  EXPECT_THAT(names_of(cat(archive, member({.name = "a"}), kEnd)), ElementsAre("a"));
}

TEST(TarRefuses, AnEmptyFile) { EXPECT_THAT(refused(""), HasSubstr("empty file")); }
TEST(TarRefuses, AGzippedArchive) {
  EXPECT_THAT(refused("\x1f\x8b" + std::string(600, 'x')), HasSubstr("not gzipped"));
}
TEST(TarRefuses, OtherBytes) {
  EXPECT_THAT(refused(std::string(1024, 'x')), HasSubstr("checksum"));
  auto archive = member({.name = "a"});
  archive[3] = 'b';
  EXPECT_THAT(refused(archive), HasSubstr("checksum"));
}
TEST(TarRefuses, AFileCutShort) {
  const auto whole =
      cat(pax_header(pax("path", "long")), member({.name = "a", .data = std::string(600, 'x')}));
  for (std::size_t size = 1; size < 1024 + 512 + 600; ++size) refused(whole.substr(0, size));
}
TEST(TarRefuses, AMemberThatReachesPastTheEnd) {
  EXPECT_THAT(refused(cat(member({.name = "a", .size_field = octal(1U << 30, 11)}), kEnd)),
              HasSubstr("cut short"));
  EXPECT_THAT(refused(cat(member({.name = "a",
                                  .size_field = std::string(1, '\x80') + std::string(11, '\xff')}),
                          kEnd)),
              HasSubstr("too large"));
  EXPECT_THAT(
      refused(cat(pax_header(pax("size", "99999999999999999999")), member({.name = "a"}), kEnd)),
      HasSubstr("size"));
}
TEST(TarRefuses, ASizeThatIsNoNumber) {
  EXPECT_THAT(refused(cat(member({.name = "a", .size_field = "12x"}), kEnd)), HasSubstr("size"));
  EXPECT_THAT(refused(cat(pax_header(pax("size", "-1")), member({.name = "a"}), kEnd)),
              HasSubstr("size"));
  EXPECT_THAT(refused(cat(pax_header(pax("size", "")), member({.name = "a"}), kEnd)),
              HasSubstr("size"));
}
TEST(TarRefuses, SparseAndSplitMembers) {
  EXPECT_THAT(refused(cat(member({.name = "a", .type = 'S'}), kEnd)), HasSubstr("sparse"));
  EXPECT_THAT(refused(cat(member({.name = "a", .type = 'M'}), kEnd)), HasSubstr("volumes"));
  EXPECT_THAT(refused(cat(pax_header(pax("GNU.sparse.size", "5")), member({.name = "a"}), kEnd)),
              HasSubstr("sparse"));
}
TEST(TarRefuses, PaxRecordsThatAreNone) {
  for (const auto* bad : {"x", "5", "5 ", "99 path=a\n", "9 path=ab\n", "7 path\n", "0 path=a\n",
                          "3 a", "18446744073709551617 path=a\n"})
    EXPECT_THAT(refused(cat(pax_header(bad), member({.name = "a"}), kEnd)), HasSubstr("pax record"))
        << bad;
  EXPECT_THAT(
      refused(cat(pax_header(pax("path", std::string("a\0b", 3))), member({.name = "a"}), kEnd)),
      HasSubstr("path"));
}
TEST(TarRefuses, APathForAllMembers) {
  EXPECT_THAT(refused(cat(pax_header(pax("path", "a"), 'g'), member({.name = "a"}), kEnd)),
              HasSubstr("global"));
}
TEST(TarRefuses, AHugeExtensionHeader) {
  for (const char type : {'x', 'g', 'L', 'K'})
    EXPECT_THAT(
        refused(cat(member({.name = "a", .type = type, .size_field = octal(1U << 24, 11)}), kEnd)),
        HasSubstr("1 MiB"));
}
TEST(TarRefuses, AnExtensionHeaderOfNothing) {
  EXPECT_THAT(refused(cat(pax_header(pax("path", "a")), kEnd)), HasSubstr("after its extension"));
}
TEST(TarRefuses, ANamelessMemberAndALongName) {
  EXPECT_THAT(refused(cat(member({.name = ""}), kEnd)), HasSubstr("name"));
  EXPECT_THAT(refused(cat(member({.name = "L", .data = std::string(5000, 'x'), .type = 'L'}),
                          member({.name = "a"}), kEnd)),
              HasSubstr("name"));
}

}  // namespace
}  // namespace vit::io
