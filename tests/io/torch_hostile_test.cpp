// Every way in which a PyTorch file can lie, each a named test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builders.h"
#include "vit/io/torch_file.h"

namespace vit::io {
namespace {

using testing::cat;
using testing::data_error;
using testing::dict;
using testing::global;
using ::testing::HasSubstr;
using testing::le;
using testing::number;
using testing::numbers;
using testing::storage;
using testing::tensor;
using testing::text;
using testing::torch_zip;

const std::pair<std::string, std::string> kSixFloats{"data/0", std::string(24, '\0')};

class TorchRefuses : public ::testing::Test {
 protected:
  std::string refused_file(std::string_view contents) {
    const auto path = files_.write("bad.pt", contents);
    auto message = testing::refused_cheaply([&] { read_torch_file(path); });
    EXPECT_THAT(message, HasSubstr("bad.pt: "));
    return message;
  }
  /// The message for a file whose data.pkl has these opcodes.
  std::string refused(std::string_view opcodes) {
    return refused_file(torch_zip(opcodes, {kSixFloats}));
  }
  PickleValue read(std::string_view opcodes) {
    return read_torch_file(files_.write("good.pt", torch_zip(opcodes, {kSixFloats})));
  }

  testing::Files files_;
};

TEST_F(TorchRefuses, NothingThatIsRight) {
  const auto root = read(dict(text("w"), tensor(storage("0", 6), 1, {2, 2}, {2, 1})));
  const auto* w = root.find("w")->tensor();
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->data.size(), 16U);
  EXPECT_TRUE(w->strides.empty());
}

// Globals and opcodes.

TEST_F(TorchRefuses, GlobalOsSystem) {
  EXPECT_THAT(refused(cat(global("os", "system"), "(", text("echo"), "tR")),
              HasSubstr("the global 'os.system' is not on the list"));
}
TEST_F(TorchRefuses, StackGlobalBuiltinsEval) {
  EXPECT_THAT(refused(cat(text("builtins"), text("eval"), "\x93", "(", text("1"), "tR")),
              HasSubstr("'builtins.eval'"));
}
TEST_F(TorchRefuses, StackGlobalOfNumbers) {
  EXPECT_THAT(refused(cat(number(1), number(2), "\x93")), HasSubstr("two strings"));
}
TEST_F(TorchRefuses, Inst) {
  EXPECT_THAT(refused(cat("(", text("echo"), "ios\nsystem\n")), HasSubstr("'os.system'"));
}
TEST_F(TorchRefuses, ObjExtensionsAndPersistentText) {
  for (const auto* opcode : {"(o", "\x82\x01", "Pabc\n", "\x92", "\x97", "I1\n", "V1\n", "F1\n"})
    EXPECT_THAT(refused(opcode), HasSubstr("opcode")) << opcode;
}
TEST_F(TorchRefuses, AGlobalWithLineBreaksAndNonsense) {
  EXPECT_THAT(refused("c\x01\xff\nb\n"), HasSubstr("'\\x01\\xff.b'"));
}
TEST_F(TorchRefuses, AGlobalThatNeverEnds) {
  EXPECT_THAT(refused("cos"), HasSubstr("expected a line"));
}
TEST_F(TorchRefuses, CallsOfWhatIsNoFunction) {
  EXPECT_THAT(refused(")\x81"), HasSubstr("stack underflow"));
  EXPECT_THAT(refused("))R"), HasSubstr("a global to be called, found a tuple"));
  EXPECT_THAT(refused(cat(global("torch", "float32"), ")R")),
              HasSubstr("torch.float32 may be named, but not called"));
  EXPECT_THAT(refused(cat(global("torch", "FloatStorage"), ")\x81")),
              HasSubstr("a class that may be made"));
}
TEST_F(TorchRefuses, ArgumentsThatAreNoTuple) {
  EXPECT_THAT(refused(cat(global("collections", "OrderedDict"), "]R")),
              HasSubstr("a tuple as arguments, found a list"));
}
TEST_F(TorchRefuses, BuildOnATensor) {
  EXPECT_THAT(refused(cat(tensor(storage("0", 6), 0, {6}, {1}), "}b")),
              HasSubstr("(BUILD), found a tensor"));
}
TEST_F(TorchRefuses, BuildOnAList) { EXPECT_THAT(refused("]}b"), HasSubstr("found a list")); }
TEST_F(TorchRefuses, BuildOnAGlobal) {
  EXPECT_THAT(refused(cat(global("torch", "Size"), "}b")), HasSubstr("the global torch.Size"));
}
TEST_F(TorchRefuses, RebuildFromTypeInsideItself) {
  const auto from_type = global("torch._tensor", "_rebuild_from_type_v2");
  const auto type = global("torch", "Tensor");
  EXPECT_THAT(refused(cat(from_type, "(", from_type, type, "(", from_type, type, ")NtNtR")),
              HasSubstr("inside another one"));
}
TEST_F(TorchRefuses, RebuildFromTypeOfAGlobalThatMakesNoTensor) {
  EXPECT_THAT(refused(cat(global("torch._tensor", "_rebuild_from_type_v2"), "(",
                          global("collections", "OrderedDict"), global("torch", "Tensor"), ")NtR")),
              HasSubstr("a function that makes tensors"));
}

// The machine.

TEST_F(TorchRefuses, AMissingStop) {
  EXPECT_THAT(refused_file(testing::zip({{"archive/data.pkl", "\x80\x02}"}})),
              HasSubstr("expected a STOP opcode, found the end"));
}
TEST_F(TorchRefuses, AnEmptyPickle) {
  EXPECT_THAT(refused_file(testing::zip({{"archive/data.pkl", ""}})), HasSubstr("STOP"));
}
TEST_F(TorchRefuses, BytesBehindTheStop) {
  EXPECT_THAT(refused_file(testing::zip({{"archive/data.pkl", "\x80\x02}.}"}})),
              HasSubstr("behind the STOP"));
}
TEST_F(TorchRefuses, StackUnderflow) {
  for (const auto* opcodes : {"", "0", "a", "s", "e", "u", "t", "1", "R", "b", "Q", "\x85", "2",
                              "q\x01", "\x94", "(s", "](a", "\x90"})
    EXPECT_THAT(refused(opcodes), HasSubstr("stack underflow")) << opcodes;
}
TEST_F(TorchRefuses, MoreThanOneObject) {
  EXPECT_THAT(refused("}}"), HasSubstr("one object, found more"));
  EXPECT_THAT(refused("}(}"), HasSubstr("one object, found more"));
}
TEST_F(TorchRefuses, AMemoIndexOfTwoToThe31) {
  EXPECT_THAT(refused(cat("}r", le<std::uint32_t>(1U << 31))),
              HasSubstr("a memo index below 1048576, found 2147483648"));
  EXPECT_THAT(refused(cat("}j", le<std::uint32_t>(1U << 31))), HasSubstr("was set"));
}
TEST_F(TorchRefuses, AMemoIndexThatWasNotSet) {
  EXPECT_THAT(refused("h\x05"), HasSubstr("a memo index that was set, found 5"));
  EXPECT_THAT(refused("}q\x07h\x05"), HasSubstr("a memo index that was set, found 5"));
}
TEST_F(TorchRefuses, Long4OfMinusOne) {
  EXPECT_THAT(refused(cat("\x8b", le<std::int32_t>(-1))), HasSubstr("(LONG4), found -1"));
}
TEST_F(TorchRefuses, StringsPastTheEnd) {
  for (const auto& opcodes :
       {cat("X", le<std::uint32_t>(1000)), cat("X", le(UINT32_MAX)), cat("U", "\xff"),
        cat("\x8d", le(UINT64_MAX)), cat("B", le<std::uint32_t>(1000)), cat("\x8a", "\xff"),
        cat("\x8b", le<std::int32_t>(INT32_MAX))})
    EXPECT_THAT(refused(opcodes), HasSubstr("before the end")) << opcodes;
}
TEST_F(TorchRefuses, AStringThatIsNotUtf8) {
  EXPECT_THAT(refused(text("\xc0\x80")), HasSubstr("in UTF-8"));
}
TEST_F(TorchRefuses, AFrameBeyondThePickle) {
  EXPECT_THAT(refused(cat("\x95", le(UINT64_MAX))), HasSubstr("a frame within"));
}
TEST_F(TorchRefuses, OtherProtocols) {
  EXPECT_THAT(refused("\x80\x09"), HasSubstr("protocol 2 to 5"));
  EXPECT_THAT(refused(std::string_view("\x80\x00", 2)), HasSubstr("protocol 2 to 5"));
}
TEST_F(TorchRefuses, ItemsForWhatIsNoContainer) {
  EXPECT_THAT(refused("}Na"), HasSubstr("a list to append to, found a dict"));
  EXPECT_THAT(refused("]NNs"), HasSubstr("a dict to put items into, found a list"));
  EXPECT_THAT(refused("}(Nu"), HasSubstr("in pairs"));
}

// Memory and time.

TEST_F(TorchRefuses, AMillionNestedTuples) {
  EXPECT_THAT(refused(")" + std::string(1'000'000, '\x85')), HasSubstr("bytes of memory"));
}
TEST_F(TorchRefuses, TuplesNestedAThousandDeep) {
  EXPECT_THAT(refused(")" + std::string(1'000, '\x85')), HasSubstr("at most 64 deep"));
}
TEST_F(TorchRefuses, AMillionMarks) {
  EXPECT_THAT(refused(std::string(1'000'000, '(')), HasSubstr("marks"));
}
TEST_F(TorchRefuses, AMillionObjectsOnTheStack) {
  EXPECT_THAT(refused(std::string(1'000'000, 'N')), HasSubstr("on the stack"));
}
TEST_F(TorchRefuses, MillionsOfLists) {
  std::string opcodes;
  for (int i = 0; i < 5'000'000; ++i) opcodes += "]0";
  EXPECT_THAT(refused(opcodes + "N"), HasSubstr("bytes of memory"));
}
TEST_F(TorchRefuses, AListOfMillions) {
  EXPECT_THAT(refused(cat("](", std::string(200'000, 'N'), "eq", std::string(1, '\0'), "0",
                          std::string(20, ' '))),
              HasSubstr("bad.pt"));
  std::string opcodes = "]";
  for (int i = 0; i < 20; ++i) opcodes += cat("(", std::string(200'000, 'N'), "e");
  EXPECT_THAT(refused(opcodes), HasSubstr("bytes of memory"));
}
TEST_F(TorchRefuses, SharedListsThatUnfoldWithoutBound) {
  std::string opcodes = "]";
  for (int i = 0; i < 40; ++i)  // each level holds the one before twice
    opcodes +=
        cat("q", std::string(1, static_cast<char>(i)), "0](h", std::string(1, static_cast<char>(i)),
            "h", std::string(1, static_cast<char>(i)), "e");
  EXPECT_THAT(refused(opcodes), HasSubstr("shared ones counted"));
}
TEST_F(TorchRefuses, AListThatContainsItself) {
  EXPECT_THAT(refused(cat("]q", std::string(1, '\1'), "h", std::string(1, '\1'), "a")),
              HasSubstr("contains itself"));
}
TEST_F(TorchRefuses, TwoDictsThatContainEachOther) {
  EXPECT_THAT(refused(cat("}q\1}q\2", text("a"), "h\1s0h\1", text("b"), "h\2s")),
              HasSubstr("bad.pt"));
}
TEST_F(TorchRefuses, OneLongStringAMillionTimes) {
  std::string opcodes = cat(text(std::string(1'000'000, 'x')), "q\1", "0](");
  for (int i = 0; i < 100'000; ++i) opcodes += "h\1";
  EXPECT_THAT(refused(opcodes + "e"), HasSubstr("bytes of text"));
}
TEST_F(TorchRefuses, APickleOfFortyMegabytes) {
  EXPECT_THAT(refused(std::string(40 << 20, 'N')), HasSubstr("a data.pkl of at most"));
}

// Storages and tensors.

TEST_F(TorchRefuses, APersistentIdThatIsNotAStorage) {
  EXPECT_THAT(refused(cat("(", text("module"), "tQ")), HasSubstr("one of 'module'"));
  EXPECT_THAT(refused(cat(text("storage"), "Q")), HasSubstr("a tuple as a persistent id"));
  EXPECT_THAT(refused(")Q"), HasSubstr("one of nothing"));
  EXPECT_THAT(
      refused(cat("(", text("storage"), number(1), text("0"), text("cpu"), number(1), "tQ")),
      HasSubstr("a storage's type"));
}
TEST_F(TorchRefuses, AStorageKeyThatIsAPath) {
  EXPECT_THAT(refused(dict(text("w"), tensor(storage("../../etc/passwd", 6), 0, {6}, {1}))),
              HasSubstr("a record 'data/../../etc/passwd' in the archive, found none"));
}
TEST_F(TorchRefuses, AStorageWithoutARecord) {
  EXPECT_THAT(refused(storage("1", 6)), HasSubstr("'data/1'"));
}
TEST_F(TorchRefuses, AStorageLargerThanItsRecord) {
  EXPECT_THAT(refused(storage("0", 7)), HasSubstr("expected 28 bytes for its storage, found 24"));
  EXPECT_THAT(refused(storage("0", INT32_MAX)), HasSubstr("8589934588"));
}
TEST_F(TorchRefuses, AStorageOfNegativeSize) {
  EXPECT_THAT(refused(storage("0", -6)), HasSubstr("a number that is not negative"));
}
TEST_F(TorchRefuses, AStorageWhoseSizeOverflows) {
  const auto huge = cat("\x8a\x08", le(INT64_MAX));
  EXPECT_THAT(refused(cat("(", text("storage"), global("torch", "FloatStorage"), text("0"),
                          text("cpu"), huge, "tQ")),
              HasSubstr("below 2^63"));
}
TEST_F(TorchRefuses, StoragesOfOtherTypesByName) {
  EXPECT_THAT(refused(storage("0", 6, "QInt8Storage")),
              HasSubstr("torch.QInt8Storage is not supported"));
}
TEST_F(TorchRefuses, ATensorBeyondItsStorage) {
  for (const auto& opcodes :
       {tensor(storage("0", 6), 0, {7}, {1}), tensor(storage("0", 6), 1, {6}, {1}),
        tensor(storage("0", 6), 7, {0}, {1}), tensor(storage("0", 6), 0, {2, 3}, {4, 1}),
        tensor(storage("0", 6), INT32_MAX, {1}, {1}),
        tensor(storage("0", 6), 0, {INT32_MAX, INT32_MAX}, {INT32_MAX, INT32_MAX})})
    EXPECT_THAT(refused(opcodes), HasSubstr("to lie within its storage of 6 elements"));
}
TEST_F(TorchRefuses, AShapeWhoseProductOverflows) {
  EXPECT_THAT(refused(tensor(storage("0", 6), 0, {INT32_MAX, INT32_MAX, INT32_MAX}, {0, 0, 0})),
              HasSubstr("storage of 6 elements"));
}
TEST_F(TorchRefuses, ATensorExpandedWithoutBound) {
  EXPECT_THAT(refused(tensor(storage("0", 6), 0, {INT32_MAX, 6}, {0, 1})),
              HasSubstr("at most the 6 elements"));
}
TEST_F(TorchRefuses, NegativeNumbersInAGeometry) {
  EXPECT_THAT(refused(tensor(storage("0", 6), -1, {1}, {1})), HasSubstr("not negative"));
  EXPECT_THAT(refused(tensor(storage("0", 6), 0, {-1}, {1})), HasSubstr("not negative"));
  EXPECT_THAT(refused(tensor(storage("0", 6), 5, {2}, {-1})), HasSubstr("not negative"));
}
TEST_F(TorchRefuses, AShapeAndStridesOfDifferentRank) {
  EXPECT_THAT(refused(tensor(storage("0", 6), 0, {2, 3}, {1})), HasSubstr("to lie within"));
}
TEST_F(TorchRefuses, SeventeenDimensions) {
  const std::vector<std::int32_t> ones(17, 1);
  EXPECT_THAT(refused(tensor(storage("0", 6), 0, ones, ones)), HasSubstr("at most 16 dimensions"));
}
TEST_F(TorchRefuses, ATensorOfNoStorage) {
  EXPECT_THAT(refused(tensor("N", 0, {1}, {1})), HasSubstr("expected a storage as argument 1"));
}
TEST_F(TorchRefuses, ATensorOfTooFewArguments) {
  EXPECT_THAT(refused(cat(global("torch._utils", "_rebuild_tensor_v2"), ")R")),
              HasSubstr("with 6 to 7 arguments, found 0"));
}

// Dicts.

TEST_F(TorchRefuses, OneKeyTwice) {
  EXPECT_THAT(refused(cat("}(", text("a"), "N", text("a"), "Nu")),
              HasSubstr("key 'a' is there twice"));
}
TEST_F(TorchRefuses, AListAsKey) {
  EXPECT_THAT(refused("}]Ns"), HasSubstr("expected a dict's keys"));
}
TEST_F(TorchRefuses, AStateDictKeyThatIsNotAString) {
  const auto root = read(cat("}(", text("w"), tensor(storage("0", 6), 0, {6}, {1}), number(0),
                             tensor(storage("0", 6), 0, {6}, {1}), "u"));
  EXPECT_THAT(data_error([&] { select_state_dict(root, "a.pt", "", {}); }),
              HasSubstr("a.pt: expected a state dict with names as keys"));
}

// The archive.

TEST_F(TorchRefuses, AnEmptyFile) { EXPECT_THAT(refused_file(""), HasSubstr("an empty file")); }
TEST_F(TorchRefuses, AFileOfSomethingElse) {
  EXPECT_THAT(refused_file("GIF89a...."), HasSubstr("expected a PyTorch file"));
  EXPECT_THAT(refused_file("PK"), HasSubstr("end record"));
}
TEST_F(TorchRefuses, AZipWithoutAPickle) {
  EXPECT_THAT(refused_file(testing::zip({})), HasSubstr("'data.pkl'"));
  EXPECT_THAT(refused_file(testing::zip({{"archive/x", ""}})), HasSubstr("'data.pkl'"));
}
TEST_F(TorchRefuses, RecordsOfTwoArchives) {
  EXPECT_THAT(refused_file(testing::zip({{"a/data.pkl", testing::pickle("}")}, {"b/data/0", ""}})),
              HasSubstr("of one archive"));
  EXPECT_THAT(refused_file(testing::zip({{"data.pkl", testing::pickle("}")}})),
              HasSubstr("of one archive"));
}
TEST_F(TorchRefuses, BigEndianStorages) {
  EXPECT_THAT(refused_file(torch_zip("}", {{"byteorder", "big"}})),
              HasSubstr("byte order 'little', found 'big'"));
}
TEST_F(TorchRefuses, DeflatedRecords) {
  const auto contents = testing::pickle("}");
  EXPECT_THAT(refused_file(testing::zip({{.name = "archive/data.pkl",
                                          .contents = testing::deflate(contents),
                                          .method = 8,
                                          .size = contents.size(),
                                          .crc = testing::crc32(contents)}})),
              HasSubstr("expected a stored record"));
}
TEST_F(TorchRefuses, AWrongChecksumOfTheStorage) {
  auto file = torch_zip(dict(text("w"), tensor(storage("0", 6), 0, {6}, {1})), {kSixFloats});
  file[file.find("archive/data/0") + 14] = 1;
  EXPECT_THAT(refused_file(file), HasSubstr("'archive/data/0': the checksum"));
  EXPECT_NO_THROW(read_torch_file(files_ / "bad.pt", {.check_crc = false}));
}
TEST_F(TorchRefuses, TorchScriptAndTarByName) {
  EXPECT_THAT(refused_file(torch_zip("}", {{"constants.pkl", ""}})), HasSubstr("TorchScript"));
  std::string tar(1024, '\0');
  tar.replace(257, 5, "ustar");
  EXPECT_THAT(refused_file(tar), HasSubstr("tar archive (PyTorch 0.1)"));
}

// The form before 1.6.

/// The five pickles, and what follows.
std::string legacy(const std::string& object, const std::string& keys,
                   const std::string& storages) {
  using testing::pickle;
  return cat(pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"),
             pickle(cat("M", le<std::uint16_t>(1001))), pickle(dict(text("little_endian"), "\x88")),
             pickle(object), pickle(keys), storages);
}
const std::string kObject =
    dict(text("w"), tensor(cat("(", text("storage"), global("torch", "FloatStorage"), text("k"),
                               text("cpu"), number(2), "NtQ"),
                           0, {2}, {1}));
const std::string kKeys = cat("]", text("k"), "a");

TEST_F(TorchRefuses, NothingOfALegacyFileThatIsRight) {
  const auto path =
      files_.write("good.pth", legacy(kObject, kKeys, cat(le<std::int64_t>(2), "12345678")));
  EXPECT_EQ(read_torch_file(path).find("w")->tensor()->data.size(), 8U);
}
TEST_F(TorchRefuses, ALegacyFileCutShort) {
  const auto whole = legacy(kObject, kKeys, cat(le<std::int64_t>(2), "12345678"));
  for (std::size_t size = 0; size < whole.size(); ++size) refused_file(whole.substr(0, size));
}
TEST_F(TorchRefuses, ALegacyFileOfAnotherMagicNumber) {
  EXPECT_THAT(refused_file(testing::pickle("}")), HasSubstr("magic number"));
}
TEST_F(TorchRefuses, LegacyStoragesThatLie) {
  const auto data = cat(le<std::int64_t>(2), "12345678");
  EXPECT_THAT(refused_file(legacy(kObject, kKeys, cat(le<std::int64_t>(3), "12345678"))),
              HasSubstr("storage 'k': expected 2 elements, found 3"));
  EXPECT_THAT(refused_file(legacy(kObject, kKeys, cat(le<std::int64_t>(-1), "12345678"))),
              HasSubstr("expected 2 elements"));
  EXPECT_THAT(refused_file(legacy(kObject, "]", "")),
              HasSubstr("'k': expected 8 bytes, found none"));
  EXPECT_THAT(refused_file(legacy(kObject, cat("]", text("x"), "a"), data)),
              HasSubstr("that the object names, found 'x'"));
  EXPECT_THAT(refused_file(legacy(kObject, cat("](", text("k"), text("k"), "e"), cat(data, data))),
              HasSubstr("'k' is there twice"));
  EXPECT_THAT(refused_file(legacy(kObject, "}", data)), HasSubstr("a list of storage keys"));
  EXPECT_THAT(refused_file(legacy(kObject, kKeys, cat(data, "x"))),
              HasSubstr("behind the storages, found 1 bytes"));
}

// Choosing the weights.

TEST(StateDict, IsTakenFromTheFirstCandidateThatHoldsTensors) {
  const testing::Files files;
  const auto w = tensor(storage("0", 6), 0, {6}, {1});
  const auto root = read_torch_file(files.write(
      "a.pt", torch_zip(cat("}(", text("epoch"), number(1), text("model"), dict(text("m"), w),
                            text("state_dict"), dict(text("s"), w), text("empty"), "}", "u"),
                        {kSixFloats})));
  const auto names = [&](const std::string& key, const std::vector<std::string>& candidates) {
    std::string result;
    for (const auto& entry : select_state_dict(root, "a.pt", key, candidates).entries())
      result += entry.name;
    return result;
  };
  EXPECT_EQ(names("", {"state_dict_ema", "empty", "state_dict", "model"}), "s");
  EXPECT_EQ(names("model", {"state_dict"}), "m");
  EXPECT_THAT(data_error([&] { names("other", {}); }),
              HasSubstr("under 'other', found none (keys: 'epoch', 'model', 'state_dict'"));
  EXPECT_THAT(data_error([&] { names("epoch", {}); }), HasSubstr("something else"));
  EXPECT_THAT(data_error([&] { names("", {}); }), HasSubstr("'epoch', 'model'"));
}

TEST(StateDict, LeavesOutWhatIsNoTensor) {
  const testing::Files files;
  const auto root = read_torch_file(
      files.write("a.pt", torch_zip(cat("}(", text("w"), tensor(storage("0", 6), 0, {6}, {1}),
                                        text("version"), number(1), "u"),
                                    {kSixFloats})));
  EXPECT_EQ(select_state_dict(root, "a.pt", "", {}).entries().size(), 1U);
}

TEST(TorchFile, ReadsNoTensorBeforeItIsAskedFor) {
  const testing::Files files;
  constexpr std::int32_t kFloats = 10 << 20;
  const auto path = files.write(
      "a.pt", torch_zip(dict(text("w"), tensor(storage("0", kFloats), 0, {kFloats}, {1})),
                        {{"data/0", std::string(4 * static_cast<std::size_t>(kFloats), 'x')}}));
  const testing::PeakMemory memory;
  const auto root = read_torch_file(path);
  EXPECT_EQ(root.find("w")->tensor()->data.size(), 4U * kFloats);
  EXPECT_LT(memory.bytes(), 1 << 20);
}

}  // namespace
}  // namespace vit::io
