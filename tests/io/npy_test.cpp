#include "vit/io/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builders.h"

namespace vit::io {
namespace {

using testing::cat;
using ::testing::HasSubstr;
using testing::le;
using testing::npy;

class NpyRefuses : public ::testing::Test {
 protected:
  std::string refused(std::string_view contents) {
    const auto path = files_.write("bad.npy", contents);
    auto message = testing::refused_cheaply([&] { read_npy(path); });
    EXPECT_THAT(message, HasSubstr("bad.npy: "));
    return message;
  }
  std::string refused_header(const std::string& literal) { return refused(npy(literal, "1234")); }

  testing::Files files_;
};

TEST_F(NpyRefuses, AnEmptyFile) { EXPECT_THAT(refused(""), HasSubstr("an empty file")); }
TEST_F(NpyRefuses, AnotherFile) { EXPECT_THAT(refused("GIF89a....."), HasSubstr("'GIF89a'")); }
TEST_F(NpyRefuses, AFileCutShort) {
  const auto whole = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n", "1234");
  for (std::size_t size = 0; size < whole.size(); ++size) refused(whole.substr(0, size));
  EXPECT_NO_THROW(read_npy(files_.write("good.npy", whole)));
}
TEST_F(NpyRefuses, TrailingBytes) {
  EXPECT_THAT(refused_header("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }"),
              HasSubstr("expected 3 bytes for shape [3] of U8, found 4"));
}
TEST_F(NpyRefuses, FewerBytesThanTheShapeSays) {
  EXPECT_THAT(refused_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"),
              HasSubstr("expected 8 bytes"));
}
TEST_F(NpyRefuses, AShapeWhoseProductOverflows) {
  EXPECT_THAT(
      refused_header("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}"),
      HasSubstr("size can be counted"));
  EXPECT_THAT(
      refused_header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
      HasSubstr("below 2^63"));
}
TEST_F(NpyRefuses, ANegativeShape) {
  EXPECT_THAT(refused_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
              HasSubstr("a whole number"));
}
TEST_F(NpyRefuses, AShapeAsFloat) {
  EXPECT_THAT(refused_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,), }"),
              HasSubstr("')'"));
}
TEST_F(NpyRefuses, SeventeenDimensions) {
  EXPECT_THAT(refused_header("{'descr': '<f4', 'fortran_order': False, "
                             "'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}"),
              HasSubstr("at most 16 dimensions"));
}
TEST_F(NpyRefuses, ObjectsAndRecords) {
  EXPECT_THAT(refused_header("{'descr': '|O', 'fortran_order': False, 'shape': (), }"),
              HasSubstr("Python objects"));
  EXPECT_THAT(refused_header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (), }"),
              HasSubstr("records"));
}
TEST_F(NpyRefuses, AnUnknownType) {
  EXPECT_THAT(refused_header("{'descr': '<U7', 'fortran_order': False, 'shape': (), }"),
              HasSubstr("type '<U7' is not supported"));
  EXPECT_THAT(refused_header("{'descr': '', 'fortran_order': False, 'shape': (), }"),
              HasSubstr("type '' is not supported"));
}
TEST_F(NpyRefuses, ALiteralThatIsCodeOrNonsense) {
  for (const auto* literal :
       {"", "[]", "{", "{'descr'", "{'descr': ", "{'descr': '<f4", "__import__('os')",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False}", "{'descr': '<f4', 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}"})
    EXPECT_THAT(refused_header(literal), HasSubstr("the array's header, found")) << literal;
}
TEST_F(NpyRefuses, UnknownAndDoubledKeys) {
  EXPECT_THAT(refused_header("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}"),
              HasSubstr("found 'x'"));
  EXPECT_THAT(refused_header("{'descr': '<f4', 'descr': '<f4', 'shape': ()}"),
              HasSubstr("each key once"));
}
TEST_F(NpyRefuses, AHeaderLengthPastTheEnd) {
  EXPECT_THAT(refused(cat(std::string_view("\x93NUMPY\x02\x00", 8), le(UINT32_MAX), "{}")),
              HasSubstr("found a length of 4294967295"));
  EXPECT_THAT(refused(cat(std::string_view("\x93NUMPY\x01\x00", 8), le<std::uint16_t>(9), "{}")),
              HasSubstr("found a length of 9"));
}
TEST_F(NpyRefuses, AnotherVersion) {
  EXPECT_THAT(refused(cat(std::string_view("\x93NUMPY\x09\x00", 8), le<std::uint16_t>(2), "{}")),
              HasSubstr("version 1, 2 or 3, found 9"));
}

TEST(Npy, TakesPythonTwosLongNumbers) {
  const testing::Files files;
  const auto path = files.write(
      "a.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 2L), }", "1234"));
  EXPECT_EQ(read_npy(path).shape, (std::vector<std::int64_t>{2, 2}));
}

TEST(NpyWriter, WritesTheBytesThatNumpyWrites) {
  const auto original = vit::testing::golden_path("io/c.npy");
  const auto entry = read_npy(original);
  const testing::Files files;
  write_npy(files / "a.npy", entry.dtype, entry.shape, entry.data.read_all());
  std::ifstream expected(original, std::ios::binary);
  std::ifstream found(files / "a.npy", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(found), {}),
            std::string(std::istreambuf_iterator<char>(expected), {}));
}

TEST(NpyWriter, WritesScalarsVectorsAndEveryType) {
  const testing::Files files;
  const std::string zeros(64, '\0');
  for (const auto dtype : {DType::kBool, DType::kU8, DType::kI8, DType::kI16, DType::kI32,
                           DType::kI64, DType::kF16, DType::kBF16, DType::kF32, DType::kF64})
    for (const auto& shape : {std::vector<std::int64_t>{}, {3}, {2, 0, 1}, {2, 2}}) {
      std::size_t count = 1;
      for (const auto size : shape) count *= static_cast<std::size_t>(size);
      write_npy(files / "a.npy", dtype, shape,
                std::as_bytes(std::span(zeros)).first(count * size_of(dtype)));
      const auto entry = read_npy(files / "a.npy");
      EXPECT_EQ(entry.dtype, dtype);
      EXPECT_EQ(entry.shape, shape);
      EXPECT_EQ(npy_header(dtype, shape).size() % 64, 0U);
    }
}

TEST(NpyWriter, RefusesBytesOfAnotherSize) {
  const testing::Files files;
  EXPECT_THROW(write_npy(files / "a.npy", DType::kF32, {2}, {}), DataError);
  EXPECT_FALSE(std::filesystem::exists(files / "a.npy"));
}

}  // namespace
}  // namespace vit::io
