#include "vit/core/text.h"

#include <gtest/gtest.h>

namespace vit {
namespace {

using namespace std::string_literals;

TEST(Text, KnowsUtf8) {
  EXPECT_TRUE(is_utf8("Ankle boot, Größe 42, 靴 👢"));
  EXPECT_FALSE(is_utf8("\xff"));
  EXPECT_FALSE(is_utf8("\xc0\x80"));          // overlong
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));      // a surrogate
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));  // past U+10FFFF
  EXPECT_FALSE(is_utf8("\xe9\x9d"));          // cut short
}

TEST(Text, LeavesUtf8AsItIsWhenItIsPrinted) {
  EXPECT_EQ(printable("photos/Größe/靴.jpg"), "photos/Größe/靴.jpg");
  EXPECT_EQ(printable("C:\\xyz\\n"), "C:\\xyz\\n");
}

TEST(Text, PrintsOtherBytesAsEscapesThatComeBack) {
  EXPECT_EQ(printable("a\xff/b"), "a\\xff/b");
  // A name that holds an escape literally is another name than the one with the byte.
  EXPECT_EQ(printable("a\\xff"), "a\\x5cxff");
  for (const auto& bytes : {"a\xff/b"s, "a\\xff"s, "a\\x5cxff"s, "\\"s, "\\x"s, "\\xf"s, "\xc3(\n"s,
                            "\0\x80\\\\x00"s, "靴\\x41"s})
    EXPECT_EQ(from_printable(printable(bytes)), bytes);
}

TEST(Text, MakesOneLineOfAMessage) {
  EXPECT_EQ(one_line("first\nsecond \n"), "first second");
  EXPECT_EQ(one_line("red\x1b[31m \xff \\xff"), "red\\x1b[31m \\xff \\xff");
}

TEST(BytesText, HasTwoDecimalsAndABinaryUnit) {
  EXPECT_EQ(bytes_text(12), "12 bytes");
  EXPECT_EQ(bytes_text(1024), "1.00 KiB");
  EXPECT_EQ(bytes_text(39460012032.0), "36.75 GiB");
}

}  // namespace
}  // namespace vit
