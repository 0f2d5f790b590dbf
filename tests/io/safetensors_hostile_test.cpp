// Every way in which a safetensors file can lie, each a named test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "builders.h"
#include "vit/io/safetensors.h"

namespace vit::io {
namespace {

using testing::cat;
using testing::data_error;
using ::testing::HasSubstr;
using testing::le;
using testing::safetensors;

constexpr std::int64_t kMiB = 1 << 20;

class SafetensorsRefuses : public ::testing::Test {
 protected:
  /// The message for a file of these bytes, refused within a second and 64 MiB.
  std::string refused(std::string_view contents) {
    const auto path = files_.write("bad.safetensors", contents);
    auto message = testing::refused_cheaply([&] { read_safetensors(path); });
    EXPECT_THAT(message, HasSubstr("bad.safetensors: "));
    return message;
  }
  std::string refused(std::string_view header, std::string_view data) {
    return refused(safetensors(header, data));
  }

  testing::Files files_;
};

/// `"name":{...}` of four bytes of data at `begin`.
std::string one_float(const std::string& name, int begin) {
  return format(R"("{}":{"dtype":"F32","shape":[1],"data_offsets":[{},{}]})", name, begin,
                begin + 4);
}

TEST_F(SafetensorsRefuses, AnEmptyFile) { EXPECT_THAT(refused(""), HasSubstr("found 0 bytes")); }
TEST_F(SafetensorsRefuses, SevenBytes) {
  EXPECT_THAT(refused("1234567"), HasSubstr("8 bytes, found 7 bytes"));
}
TEST_F(SafetensorsRefuses, AHeaderOfLengthZero) {
  EXPECT_THAT(refused("", ""), HasSubstr("starts with '{', found none"));
}
TEST_F(SafetensorsRefuses, AHeaderPastTheEnd) {
  EXPECT_THAT(refused(cat(le<std::uint64_t>(3), "{}")),
              HasSubstr("at most 2 bytes, found a length of 3"));
}
TEST_F(SafetensorsRefuses, AHeaderOfTwoToThe63Bytes) {
  EXPECT_THAT(refused(cat(le(std::uint64_t{1} << 63), "{}")), HasSubstr("9223372036854775808"));
}
TEST_F(SafetensorsRefuses, AHeaderAboveAHundredMillionBytes) {
  // Sparse: the file is large, its blocks are not there.
  const auto path = files_.write("bad.safetensors", cat(le<std::uint64_t>(100'000'001), "{"));
  std::filesystem::resize_file(path, 100'000'100);
  EXPECT_THAT(data_error([&] { read_safetensors(path); }), HasSubstr("at most 100000000 bytes"));
}
TEST_F(SafetensorsRefuses, AHeaderThatIsNotJson) {
  EXPECT_THAT(refused("{nothing}", ""), HasSubstr("expected JSON"));
}
TEST_F(SafetensorsRefuses, AHeaderCutShort) {
  EXPECT_THAT(refused(R"({"a":{"dtype":)", ""), HasSubstr("expected JSON"));
}
TEST_F(SafetensorsRefuses, AnArrayAsHeader) {
  EXPECT_THAT(refused("[1, 2]", ""), HasSubstr("starts with '{'"));
}
TEST_F(SafetensorsRefuses, ANumberAsTensor) {
  EXPECT_THAT(refused(R"({"a":5})", ""), HasSubstr("header entry 'a': expected an object"));
}
TEST_F(SafetensorsRefuses, JsonNestedAHundredThousandDeep) {
  EXPECT_THAT(
      refused(cat(R"({"a":)", std::string(100'000, '['), std::string(100'000, ']'), "}"), ""),
      HasSubstr("header entry 'a': expected an object, found an array"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  EXPECT_THAT(refused(objects, ""), HasSubstr("tensor 'a': expected dtype"));
}
TEST_F(SafetensorsRefuses, NinetyMegabytesOfSpaces) {
  EXPECT_THAT(refused(std::string(90'000'000, ' '), ""), HasSubstr("starts with '{'"));
}
TEST_F(SafetensorsRefuses, NinetyMegabytesOfSpacesInsideTheHeader) {
  EXPECT_THAT(refused(cat("{", std::string(90'000'000, ' '), "}"), ""),
              HasSubstr("blanks in a row"));
}
TEST_F(SafetensorsRefuses, ANameOfNinetyMegabytes) {
  EXPECT_THAT(refused(cat("{\"", std::string(90'000'000, 'n'), "\":{}}"), ""),
              HasSubstr("bytes of a string"));
}
TEST_F(SafetensorsRefuses, ANumberOfNinetyMegabytes) {
  EXPECT_THAT(refused(cat("{\"a\":{\"shape\":[", std::string(90'000'000, '1')), ""),
              HasSubstr("characters of a number"));
}
TEST_F(SafetensorsRefuses, AMillionTensors) {
  std::string header = "{";
  for (int i = 0; i < 1'000'000; ++i)
    header +=
        cat("\"", std::to_string(i), R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)");
  header.back() = '}';
  EXPECT_THAT(refused(header, ""), HasSubstr("at most"));
}
TEST_F(SafetensorsRefuses, MetadataOfNinetyMegabytes) {
  std::string header = R"({"__metadata__":{)";
  for (int i = 0; i < 30; ++i)
    header += cat("\"", std::to_string(i), "\":\"", std::string(3'000'000, 'x'), "\",");
  header.back() = '}';
  EXPECT_THAT(refused(header + "}", ""), HasSubstr("names and metadata"));
}
TEST_F(SafetensorsRefuses, TensorsThatOverlap) {
  EXPECT_THAT(refused(cat("{", one_float("a", 0), ",", one_float("b", 2), "}"), "123456"),
              HasSubstr("tensor 'b': expected data at offset 4"));
}
TEST_F(SafetensorsRefuses, TwoTensorsOfTheSameData) {
  EXPECT_THAT(refused(cat("{", one_float("a", 0), ",", one_float("b", 0), "}"), "1234"),
              HasSubstr("without holes or overlap"));
}
TEST_F(SafetensorsRefuses, AHoleBetweenTensors) {
  EXPECT_THAT(refused(cat("{", one_float("a", 0), ",", one_float("b", 8), "}"), "123456789012"),
              HasSubstr("tensor 'b': expected data at offset 4"));
}
TEST_F(SafetensorsRefuses, AHoleAtTheStart) {
  EXPECT_THAT(refused(cat("{", one_float("a", 4), "}"), "12345678"), HasSubstr("at offset 0"));
}
TEST_F(SafetensorsRefuses, AnEndPastTheFile) {
  EXPECT_THAT(refused(cat("{", one_float("a", 0), "}"), "123"),
              HasSubstr("within 3 bytes of data"));
}
TEST_F(SafetensorsRefuses, OffsetsInTheWrongOrder) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "1234"),
              HasSubstr("[4, 0]"));
}
TEST_F(SafetensorsRefuses, TrailingBytes) {
  EXPECT_THAT(refused(cat("{", one_float("a", 0), "}"), "12345"),
              HasSubstr("end after 4 bytes, found 5"));
}
TEST_F(SafetensorsRefuses, BytesBehindNoTensors) {
  EXPECT_THAT(refused("{}", "1"), HasSubstr("end after 0 bytes"));
}
TEST_F(SafetensorsRefuses, ANegativeShape) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234"),
              HasSubstr("tensor 'a': expected a shape of whole numbers, found -1"));
}
TEST_F(SafetensorsRefuses, AShapeAsFloat) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", "1234"),
              HasSubstr("expected a shape of whole numbers, found 1.0"));
}
TEST_F(SafetensorsRefuses, AShapeAsString) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})", "1234"),
              HasSubstr("expected a shape"));
}
TEST_F(SafetensorsRefuses, AShapeWhoseProductOverflows) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],)"
                      R"("data_offsets":[0,0]}})",
                      ""),
              HasSubstr("size can be counted"));
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":[0,9223372036854775807,3],)"
                      R"("data_offsets":[0,0]}})",
                      ""),
              HasSubstr("size can be counted"));
}
TEST_F(SafetensorsRefuses, ADimensionAbove63Bits) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"U8","shape":[18446744073709551615],)"
                      R"("data_offsets":[0,0]}})",
                      ""),
              HasSubstr("18446744073709551615"));
}
TEST_F(SafetensorsRefuses, ANumberBeyondAllTypes) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"U8","shape":[99999999999999999999],)"
                      R"("data_offsets":[0,0]}})",
                      ""),
              HasSubstr("99999999999999999999"));
  EXPECT_THAT(refused(R"({"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,0]}})", ""),
              HasSubstr("bad.safetensors"));
}
TEST_F(SafetensorsRefuses, AShapeThatDoesNotFitItsData) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234"),
              HasSubstr("expected 8 bytes for shape [2] of F32, found 4"));
}
TEST_F(SafetensorsRefuses, SeventeenDimensions) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],)"
                      R"("data_offsets":[0,1]}})",
                      "1"),
              HasSubstr("at most 16 dimensions"));
}
TEST_F(SafetensorsRefuses, AnUnknownType) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F99","shape":[],"data_offsets":[0,4]}})", "1234"),
              HasSubstr("type 'F99' is unknown"));
}
TEST_F(SafetensorsRefuses, TypesOfSubByteSizeByName) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", "1"),
              HasSubstr("tensor 'a': type 'F4' is not supported"));
}
TEST_F(SafetensorsRefuses, MetadataWithANumber) {
  EXPECT_THAT(refused(R"({"__metadata__":{"epoch":3}})", ""),
              HasSubstr("__metadata__ 'epoch': expected a string, found 3"));
}
TEST_F(SafetensorsRefuses, MetadataThatIsNoObject) {
  EXPECT_THAT(refused(R"({"__metadata__":"x"})", ""), HasSubstr("'__metadata__'"));
}
TEST_F(SafetensorsRefuses, MetadataTwice) {
  EXPECT_THAT(refused(R"({"__metadata__":{},"__metadata__":{}})", ""), HasSubstr("twice"));
  EXPECT_THAT(refused(R"({"__metadata__":{"a":"1","a":"2"}})", ""), HasSubstr("twice"));
}
TEST_F(SafetensorsRefuses, OneNameTwice) {
  EXPECT_THAT(refused(cat("{", one_float("a", 0), ",", one_float("a", 4), "}"), "12345678"),
              HasSubstr("tensor 'a' is there twice"));
}
TEST_F(SafetensorsRefuses, OneFieldTwice) {
  EXPECT_THAT(
      refused(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234"),
      HasSubstr("'dtype' twice"));
}
TEST_F(SafetensorsRefuses, AFieldThatIsMissing) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":[1]}})", "1234"),
              HasSubstr("expected dtype, shape and data_offsets"));
}
TEST_F(SafetensorsRefuses, AFieldThatIsUnknown) {
  EXPECT_THAT(
      refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"device":"x"}})", "1234"),
      HasSubstr("found key 'device'"));
}
TEST_F(SafetensorsRefuses, OneOffsetOrThree) {
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "1234"),
              HasSubstr("data_offsets [begin, end]"));
  EXPECT_THAT(refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", "1234"),
              HasSubstr("data_offsets [begin, end]"));
}
TEST_F(SafetensorsRefuses, NamesThatAreNotUtf8) {
  EXPECT_THAT(refused("{\"\xff\xfe\":{}}", ""), HasSubstr("UTF-8"));
}
TEST_F(SafetensorsRefuses, AZeroByteInAName) {
  EXPECT_THAT(refused(R"({"a\u0000b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", ""),
              HasSubstr("'a\\x00b'"));
}
TEST_F(SafetensorsRefuses, ALineBreakInANameWithoutBreakingItsOwnLine) {
  EXPECT_THAT(refused(R"({"a\nb":{"dtype":"F9","shape":[0],"data_offsets":[0,0]}})", ""),
              HasSubstr("'a\\x0ab'"));
}
TEST_F(SafetensorsRefuses, TextBehindTheHeader) {
  EXPECT_THAT(refused("{}{}", ""), HasSubstr("expected JSON"));
}

TEST(Safetensors, TakesTensorsOfSizeZero) {
  const testing::Files files;
  const auto path = files.write(
      "a.safetensors", safetensors(R"({"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},)"
                                   R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                                   "xy"));
  const auto file = read_safetensors(path);
  EXPECT_EQ(file.tensors.find("a")->numel(), 0);
  EXPECT_EQ(file.tensors.find("b")->data.size(), 2U);
}

TEST(Safetensors, TakesAScalarAndAPaddedHeader) {
  const testing::Files files;
  const auto path = files.write(
      "a.safetensors",
      safetensors(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   )", "1234"));
  EXPECT_EQ(read_safetensors(path).tensors.find("a")->numel(), 1);
}

TEST(Safetensors, ReadsNoTensorBeforeItIsAskedFor) {
  const testing::Files files;
  constexpr std::size_t kSize = 100 << 20;
  const auto path =
      files.write("large.safetensors",
                  safetensors(format(R"({"a":{"dtype":"U8","shape":[{}],"data_offsets":[0,{}]}})",
                                     kSize, kSize)));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) + kSize);
  const testing::PeakMemory memory;
  const auto file = read_safetensors(path);
  EXPECT_EQ(file.tensors.find("a")->data.size(), kSize);
  EXPECT_LT(memory.bytes(), kMiB);
}

TEST(Safetensors, KeepsItsBytesAfterTheTableIsGone) {
  const testing::Files files;
  const auto path =
      files.write("a.safetensors",
                  safetensors(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xy"));
  const auto entry = *read_safetensors(path).tensors.find("a");
  EXPECT_EQ(entry.data.read_all()[1], std::byte{'y'});
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  const testing::Files files;
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const std::string odd = "abc";
  const auto path = files / "a.safetensors";
  write_safetensors(path,
                    {{"w", DType::kF32, {2, 3}, [&] { return std::as_bytes(std::span(values)); }},
                     {"\u540d.u", DType::kU8, {3}, [&] { return std::as_bytes(std::span(odd)); }},
                     {"none", DType::kF64, {0}, [] { return std::span<const std::byte>(); }}},
                    {{"format", "pt"}});
  const auto file = read_safetensors(path);
  EXPECT_EQ(file.metadata, (Metadata{{"format", "pt"}}));
  ASSERT_EQ(file.tensors.entries().size(), 3U);
  EXPECT_EQ(file.tensors.find("w")->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(file.tensors.find("w")->data.read_all().data(), values.data(), 24), 0);
  EXPECT_EQ(std::memcmp(file.tensors.find("\u540d.u")->data.read_all().data(), "abc", 3), 0);
  // Data behind the header is aligned for every type.
  EXPECT_EQ((std::filesystem::file_size(path) - 24 - 3) % 8, 0U);
}

TEST(SafetensorsWriter, RefusesTwoTensorsOfOneNameAndLeavesNoFile) {
  const testing::Files files;
  const auto path = files / "a.safetensors";
  const auto nothing = [] { return std::span<const std::byte>(); };
  EXPECT_THAT(data_error([&] {
                write_safetensors(
                    path, {{"w", DType::kF32, {0}, nothing}, {"w", DType::kF32, {0}, nothing}});
              }),
              HasSubstr("'w' twice"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(SafetensorsWriter, RefusesDataOfAnotherSizeAndLeavesNoFile) {
  const testing::Files files;
  EXPECT_THAT(data_error([&] {
                write_safetensors(
                    files / "a.safetensors",
                    {{"w", DType::kF32, {1}, [] { return std::span<const std::byte>(); }}});
              }),
              HasSubstr("expected 4 bytes to write, found 0"));
  EXPECT_TRUE(std::filesystem::is_empty((files / "a.safetensors").parent_path()));
}

}  // namespace
}  // namespace vit::io
