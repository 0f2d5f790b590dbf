#include "vit/data/class_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ClassMap : public ::testing::Test {
 protected:
  std::vector<std::string> read(std::string_view text, const char* name = "map.txt") {
    write_file(folder_ / name, text);
    auto names = read_class_map(folder_ / name);
    std::filesystem::remove(folder_ / name);
    return names;
  }
  std::string refusal(std::string_view text, const char* name = "map.txt") {
    try {
      read(text, name);
    } catch (const DataError& error) {
      std::filesystem::remove(folder_ / name);
      return error.what();
    }
    return "";
  }

  vit::testing::TemporaryFolder folder_;
};

TEST_F(ClassMap, HasOneNameALine) {
  EXPECT_THAT(read("n01\nn02\n"), ElementsAre("n01", "n02"));
  EXPECT_THAT(read("n01\nn02"), ElementsAre("n01", "n02"));
}

TEST_F(ClassMap, IsReadAsTimmReadsIt) {
  EXPECT_THAT(read("  cat \r\n\tgreat dane\r\n"), ElementsAre("cat", "great dane"));
  EXPECT_THAT(read("a\n\nc\n\n \n"), ElementsAre("a", "", "c"));
}

TEST_F(ClassMap, MayOpenWithAByteOrderMark) {
  EXPECT_THAT(read("\xEF\xBB\xBF"
                   "cat\ndog\n"),
              ElementsAre("cat", "dog"));
}

TEST_F(ClassMap, NamesBothLinesOfANameThatStandsThereTwice) {
  EXPECT_THAT(refusal("a\nb\na\n"), HasSubstr("'a' in lines 1 and 3"));
}

TEST_F(ClassMap, IsNoPickleAndNotEmpty) {
  EXPECT_THAT(refusal("cat\n", "map.pkl"), HasSubstr("found a pickle"));
  EXPECT_THAT(refusal("\x80\x04}."), HasSubstr("found a pickle"));
  EXPECT_THAT(refusal(std::string_view("a\0b\n", 4)), HasSubstr("binary"));
  EXPECT_THAT(refusal(""), HasSubstr("found none"));
  EXPECT_THAT(refusal("\n \n"), HasSubstr("found none"));
  EXPECT_THROW(read_class_map(folder_ / "none.txt"), IoError);
}

TEST_F(ClassMap, OfImagesSaysTheClassOfEach) {
  const auto read_files = [&](std::string_view text) {
    write_file(folder_ / "val.txt", text);
    return read_file_classes(folder_ / "val.txt");
  };
  for (const std::string_view between : {" ", "\t", ",", ", ", "  "}) {
    const auto map = read_files(format("a.JPEG{}65\n\nb.png{}great dane\r\n", between, between));
    ASSERT_TRUE(map);
    ASSERT_EQ(map->size(), 2U);
    EXPECT_EQ((*map)[0].file, "a.JPEG");
    EXPECT_EQ((*map)[0].class_name, "65");
    EXPECT_EQ((*map)[1].file, "b.png");
    EXPECT_EQ((*map)[1].class_name, "great dane");
  }
  for (const std::string_view folders : {"cat\ndog\n", "great dane\n", "a.jpg\n", "a.jpg \n", ""})
    EXPECT_FALSE(read_files(folders)) << folders;
  const auto refused = [&](std::string_view text) {
    return vit::testing::error_of([&] { read_files(text); });
  };
  EXPECT_THAT(refused("a.jpg 1\nb\n"),
              HasSubstr("val.txt: expected an image and its class in line 2"));
  EXPECT_THAT(refused("a.jpg 1\nb.jpg 0\na.jpg 1\n"), HasSubstr("'a.jpg' in lines 1 and 3"));
  EXPECT_THAT(refused(std::string_view("a.jpg \0\n", 8)), HasSubstr("binary"));
}

}  // namespace
}  // namespace vit::data
