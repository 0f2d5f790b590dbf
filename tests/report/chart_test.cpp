#include "vit/report/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace vit::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Ticks, AreRoundNumbersWithinTheRange) {
  EXPECT_EQ(ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(ticks(3, 97, 5), (std::vector<double>{20, 40, 60, 80}));
  const auto small = ticks(0.0011, 0.0029, 4);
  ASSERT_FALSE(small.empty());
  EXPECT_GE(small.front(), 0.0011);
  EXPECT_LE(small.back(), 0.0029);
  EXPECT_TRUE(ticks(1, 1, 5).empty());
  EXPECT_TRUE(ticks(0, std::numeric_limits<double>::infinity(), 5).empty());
}

TEST(LineChart, PutsTheLeastAndTheLargestOnTheAxes) {
  const auto svg = line_chart({{"a", {{0, 1}, {10, 3}}}}, {"t", "x"});
  // The picture is 460 × 240 with margins of 52, 12, 14 and 30.
  EXPECT_THAT(svg, HasSubstr("d=\"M52.0 210.0L448.0 14.0\""));
}

TEST(LineChart, LeavesAGapWhereAValueIsNotFinite) {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const auto svg = line_chart({{"a", {{0, 1}, {4, nan}, {6, 2}, {10, 3}}}}, {"t", "x"});
  EXPECT_EQ(count(svg, "M"), 2U);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(LineChart, ThinsLongLinesButKeepsTheirPeaks) {
  Series series{"a", {}};
  for (int i = 0; i < 100'000; ++i) series.points.emplace_back(i, i == 50'000 ? 9 : 1);
  const auto svg = line_chart({series}, {"t", "x"});
  EXPECT_LT(svg.size(), 20'000U);
  EXPECT_THAT(svg, HasSubstr(" 14.0L"));
}

TEST(LineChart, IsEmptyWithoutPoints) {
  EXPECT_EQ(line_chart({}, {"t", "x"}), "");
  EXPECT_EQ(line_chart({{"a", {}}}, {"t", "x"}), "");
}

TEST(LineChart, DrawsASinglePoint) {
  EXPECT_THAT(line_chart({{"a", {{1, 1}}}}, {"t", "x"}), HasSubstr("<circle"));
}

TEST(ConfusionTable, ShadesByTheShareOfTheRow) {
  const std::vector<std::int64_t> counts{3, 1, 0, 0};
  const auto html = confusion_table(counts, {"<a>", "b"});
  EXPECT_THAT(html, HasSubstr("<th>&lt;a&gt;</th>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"right\" style=\"--p:0.750\">3</td>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"wrong\" style=\"--p:0.250\">1</td>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"right\" style=\"--p:0.000\">0</td>")) << "no images";
  EXPECT_EQ(confusion_table(counts, {"a"}), "");
}

}  // namespace
}  // namespace vit::report
