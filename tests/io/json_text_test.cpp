#include "vit/io/json_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builders.h"

namespace vit::io {
namespace {

using testing::cat;
using ::testing::HasSubstr;

std::string refused_json(std::string_view text) {
  auto message = testing::refused_cheaply([&] { parse_json_bounded(text, "config.json"); });
  EXPECT_THAT(message, HasSubstr("config.json: "));
  return message;
}

TEST(JsonText, ReadsWhatNlohmannReads) {
  constexpr std::string_view kText =
      R"({"b": [1, -2, 3.5, 1e3, true, false, null, "x\u00e9\n"], "a": {"c": {}, "d": []}})";
  const auto json = parse_json_bounded(kText, "x");
  EXPECT_EQ(json, Json::parse(kText));
  EXPECT_EQ(json.begin().key(), "b");  // in the order of the text
  EXPECT_EQ(parse_json_bounded("5", "x"), Json(5));
}

TEST(JsonText, ReadsTenThousandLabelsInAMoment) {
  std::string text = "{";
  for (int i = 0; i < 22'000; ++i) text += cat("\"", std::to_string(i), "\": \"label\",");
  text.back() = '}';
  const auto start = std::clock();
  EXPECT_EQ(parse_json_bounded(text, "x").size(), 22'000U);
  EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC / 2);
}

TEST(JsonTextRefused, ThatIsNoJson) {
  for (const auto* text : {"", " ", "{", "[1,]", "{'a': 1}", "nul", "1 2", "{\"a\"}", "]", "\"a",
                           "[1", "01", "+1", "NaN", "Infinity", "1e999"})
    EXPECT_THAT(refused_json(text), HasSubstr("expected JSON, found at byte")) << text;
}
TEST(JsonTextRefused, NestedAHundredThousandDeep) {
  EXPECT_THAT(refused_json(std::string(100'000, '[')), HasSubstr("at most 64 levels"));
}
TEST(JsonTextRefused, ThatIsNotUtf8) {
  EXPECT_THAT(refused_json("[\"\xff\"]"), HasSubstr("UTF-8"));
  EXPECT_THAT(refused_json("[\"\xed\xa0\x80\"]"), HasSubstr("UTF-8"));
  EXPECT_THAT(refused_json("\xff"), HasSubstr("expected JSON"));
}
TEST(JsonTextRefused, WithAKeyTwice) {
  EXPECT_THAT(refused_json(R"({"depth": 12, "depth": 13})"),
              HasSubstr("key 'depth' is there twice"));
}
TEST(JsonTextRefused, OfNinetyMegabytes) {
  EXPECT_THAT(refused_json(std::string(90'000'000, ' ')), HasSubstr("bytes in JSON"));
}
TEST(JsonTextRefused, OfMillionsOfValues) {
  std::string text = "[0";
  for (int i = 0; i < 2'000'000; ++i) text += ",0";
  EXPECT_THAT(refused_json(text + "]"), HasSubstr("values in JSON"));
}
TEST(JsonTextRefused, OfLongTokens) {
  EXPECT_THAT(refused_json(cat("\"", std::string(5 << 20, 'x'), "\"")), HasSubstr("of a string"));
  EXPECT_THAT(refused_json(std::string(2'000, '1')), HasSubstr("of a number"));
  EXPECT_THAT(refused_json(cat("[", std::string(2 << 20, ' '), "]")), HasSubstr("blanks"));
}

}  // namespace
}  // namespace vit::io
