#include "vit/pipeline/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/json.h"

namespace vit::pipeline {
namespace {

const std::vector<Prediction> kTwo{{1, 0.75F}, {0, 0.25F}};

RowEncoder make_encoder(RowFormat format, bool error_column = false) {
  RowOptions options;
  options.format = format;
  options.labels = {"cat", "dog, \"big\""};
  options.columns = 2;
  options.error_column = error_column;
  options.value_shape = {3};
  return RowEncoder(options);
}

TEST(RowEncoder, WritesJsonLines) {
  const auto encoder = make_encoder(RowFormat::kJsonl);
  const auto row = encoder.predictions({"a.png", kTwo, ""}, true);
  EXPECT_EQ(row,
            "{\"file\":\"a.png\",\"topk\":[{\"index\":1,\"label\":\"dog, \\\"big\\\"\",\"prob\":"
            "0.75},{\"index\":0,\"label\":\"cat\",\"prob\":0.25}]}\n");
  EXPECT_EQ(encoder.error("b.png", "bad", false), "{\"file\":\"b.png\",\"error\":\"bad\"}\n");
}

TEST(RowEncoder, GivesNullForALabelThatNobodyKnows) {
  RowOptions options;
  options.format = RowFormat::kJsonl;
  const auto row = Json::parse(RowEncoder(options).predictions({"a", kTwo, ""}, true));
  EXPECT_TRUE(row["topk"][0]["label"].is_null());
}

TEST(RowEncoder, ShowsNamesThatAreNotUtf8InOneReversibleWay) {
  const std::string name = "a\xff\\xfe.png";
  const std::string shown = "a\\xff\\x5cxfe.png";
  for (const auto row_format : {RowFormat::kJsonl, RowFormat::kJson}) {
    const auto encoder = make_encoder(row_format);
    auto row = encoder.predictions({name, kTwo, ""}, true);
    EXPECT_EQ(Json::parse(row)["file"], shown);
    row = encoder.error(name, "no \xff", true);
    EXPECT_EQ(Json::parse(row)["error"], "no \\xff");
  }
  EXPECT_THAT(make_encoder(RowFormat::kCsv).predictions({name, kTwo, ""}, true),
              ::testing::StartsWith(shown + ","));
  // Lines of text have backslashes of their own.
  EXPECT_THAT(make_encoder(RowFormat::kText).predictions({name, kTwo, ""}, true),
              ::testing::StartsWith("a\\\\xff\\\\x5cxfe.png\t"));
}

TEST(RowEncoder, SaysWhichOverlayIsARows) {
  RowOptions options;
  options.columns = 2;
  options.error_column = options.attention_column = true;
  options.format = RowFormat::kJsonl;
  const RowEncoder json(options);
  EXPECT_EQ(Json::parse(json.predictions({"a", kTwo, "maps/a-1.png"}, true))["attention"],
            "maps/a-1.png");
  EXPECT_TRUE(Json::parse(json.predictions({"a", kTwo, ""}, true))["attention"].is_null());
  options.format = RowFormat::kCsv;
  const RowEncoder csv(options);
  EXPECT_EQ(csv.head(), "file,index1,label1,prob1,index2,label2,prob2,attention,error\n");
  EXPECT_EQ(csv.predictions({"a", kTwo, "maps/a-1.png"}, true),
            "a,1,,0.75,0,,0.25,maps/a-1.png,\n");
  EXPECT_EQ(csv.error("a", "bad", false), "a,,,,,,,,bad\n");
}

TEST(RowEncoder, KnowsTheRowOfAnInput) {
  for (const auto row_format :
       {RowFormat::kText, RowFormat::kCsv, RowFormat::kJson, RowFormat::kJsonl}) {
    const auto encoder = make_encoder(row_format);
    const std::string name = "a, \"b\"\n\xff.png";
    auto row = encoder.predictions({name, kTwo, ""}, true);
    row.erase(0, row_format == RowFormat::kJson ? 1 : 0);
    EXPECT_TRUE(encoder.is_row_of(row, name));
    EXPECT_FALSE(encoder.is_row_of(row, "a"));
    EXPECT_FALSE(encoder.is_row_of(row, name + "x"));
  }
}

TEST(RowEncoder, WritesOneJsonArray) {
  const auto encoder = make_encoder(RowFormat::kJson);
  EXPECT_EQ(Json::parse(encoder.head() + encoder.tail(0)), Json::array());
  const auto both = Json::parse(encoder.head() + encoder.predictions({"a", kTwo, ""}, true) +
                                encoder.error("b", "bad", false) + encoder.tail(2));
  EXPECT_EQ(both.size(), 2U);
  EXPECT_EQ(both[1]["error"], "bad");
}

TEST(RowEncoder, QuotesCsvFields) {
  const auto encoder = make_encoder(RowFormat::kCsv, true);
  EXPECT_EQ(encoder.head(), "file,index1,label1,prob1,index2,label2,prob2,error\n");
  EXPECT_EQ(encoder.predictions({"a,b\n.png", kTwo, ""}, true),
            "\"a,b\n.png\",1,\"dog, \"\"big\"\"\",0.75,0,cat,0.25,\n");
  EXPECT_EQ(encoder.error("c", "no, not", false), "c,,,,,,,\"no, not\"\n");
}

TEST(RowEncoder, KeepsATextRowOnItsLine) {
  EXPECT_EQ(make_encoder(RowFormat::kText).predictions({"a\tb\n", kTwo, ""}, true),
            "a\\tb\\n\t1\tdog, \"big\"\t0.75\t0\tcat\t0.25\n");
}

TEST(RowEncoder, PrintsProbabilitiesThatReadBackAsTheSameFloat) {
  const float prob = std::nextafter(0.1F, 1.0F);
  const std::vector<Prediction> only{{0, prob}};
  const auto row = make_encoder(RowFormat::kText).predictions({"a", only, ""}, true);
  EXPECT_EQ(std::strtof(row.substr(row.rfind('\t')).c_str(), nullptr), prob);
}

TEST(RowEncoder, WritesNanForAnErrorInAnArray) {
  const auto row = make_encoder(RowFormat::kNpy).error("a", "bad", true);
  ASSERT_EQ(row.size(), 3 * sizeof(float));
  float value = 0;
  std::memcpy(&value, row.data(), sizeof value);
  EXPECT_TRUE(std::isnan(value));
}

TEST(RowEncoder, KeepsAnArraysHeadAtOneLength) {
  const auto encoder = make_encoder(RowFormat::kNpy);
  EXPECT_EQ(encoder.head(0).size(), encoder.head(1'000'000'000).size());
}

class WholeRowsOf : public ::testing::TestWithParam<RowFormat> {};

TEST_P(WholeRowsOf, AnyCutOffOutputCanBeGoneOnWith) {
  const testing::TemporaryFolder folder;
  const auto encoder = make_encoder(GetParam());
  const bool array = GetParam() == RowFormat::kNpy;
  const std::vector<float> numbers{1, 2, 3};
  const auto row = [&](std::int64_t i) {
    const auto name = "row, \"" + std::to_string(i) + "\"\n";
    return array ? encoder.values(numbers) : encoder.predictions({name, kTwo, ""}, i == 0);
  };
  std::string whole = encoder.head();
  for (int i = 0; i < 3; ++i) whole += row(i);
  std::ofstream(folder / "part", std::ios::binary) << whole;
  EXPECT_EQ(count_whole_rows(folder / "part", encoder).rows, 3);
  for (std::size_t cut = whole.size() + 1; cut-- > 0;) {
    std::filesystem::resize_file(folder / "part", cut);
    const auto found = count_whole_rows(folder / "part", encoder);
    ASSERT_LE(found.bytes, static_cast<std::int64_t>(cut));
    auto rest = whole.substr(0, static_cast<std::size_t>(found.bytes));
    if (rest.empty()) rest = encoder.head();
    for (auto i = found.rows; i < 3; ++i) rest += row(i);
    ASSERT_EQ(rest, whole) << "cut at " << cut;
  }
}

TEST_P(WholeRowsOf, AnOutputThatOnlyLacksItsNameIsWhole) {
  const testing::TemporaryFolder folder;
  const auto encoder = make_encoder(GetParam());
  const std::vector<float> numbers{1, 2, 3};
  const auto row = GetParam() == RowFormat::kNpy ? encoder.values(numbers)
                                                 : encoder.predictions({"a", kTwo, ""}, true);
  std::ofstream(folder / "part", std::ios::binary) << encoder.head(1) + row + encoder.tail(1);
  const auto found = count_whole_rows(folder / "part", encoder);
  EXPECT_EQ(found.rows, 1);
  EXPECT_EQ(found.bytes, static_cast<std::int64_t>((encoder.head() + row).size()));
}

INSTANTIATE_TEST_SUITE_P(Formats, WholeRowsOf,
                         ::testing::Values(RowFormat::kText, RowFormat::kCsv, RowFormat::kJson,
                                           RowFormat::kJsonl, RowFormat::kNpy));

TEST(WholeRows, AreNotCountedInAnotherOutput) {
  const testing::TemporaryFolder folder;
  write_file(folder / "part", "file,index1,label1,prob1\na,1,,0.5\n");
  EXPECT_THROW(count_whole_rows(folder / "part", make_encoder(RowFormat::kCsv)), DataError);
}

}  // namespace
}  // namespace vit::pipeline
