#include "vit/engine/profile.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "vit/core/json.h"

namespace vit::engine {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

Profile two_blocks() {
  Profile profile;
  profile.batch = 2;
  profile.threads = 1;
  profile.seconds = 0.012;
  profile.peak = 10e9;
  profile.steps = {{"block.0.mlp.fc1", "linear 4 -> 8", false, 5e6, 0.002},
                   {"block.10.mlp.fc1", "linear 4 -> 8", false, 5e6, 0.004},
                   {"kept", "take 1 rows", true, 0.0, 0.006}};
  profile.events = {{0, 0, 0, 0.001, 0.002}, {1, 1, 0, 0.003, 0.004}, {2, 0, 0, 0.006, 0.006}};
  return profile;
}

TEST(ProfileTable, AddsUpBlocksAndComparesWithTheFloor) {
  // 2 images of 10 MFLOP in 6 ms: 3.3 GFLOP/s where 10 are possible, three times the floor.
  EXPECT_EQ(profile_table(two_blocks()),
            " ms/image      %   GFLOP/s  x floor  step\n"
            "    3.000   50.0       3.3      3.0  block.mlp.fc1 (2): linear 4 -> 8\n"
            "    3.000   50.0         -        -  kept (1): take 1 rows\n"
            "    6.000  100.0       1.7      6.0  all (3)\n");
}

TEST(ChromeTrace, HasACompleteEventForEachStep) {
  const auto trace = Json::parse(chrome_trace(two_blocks()));
  ASSERT_EQ(trace["traceEvents"].size(), 3U);
  const auto& event = trace["traceEvents"][1];
  EXPECT_EQ(event["name"], "block.10.mlp.fc1");
  EXPECT_EQ(event["ph"], "X");
  EXPECT_DOUBLE_EQ(event["ts"].get<double>(), 3000.0);
  EXPECT_DOUBLE_EQ(event["dur"].get<double>(), 4000.0);
  EXPECT_EQ(event["args"]["image"], 1);
}

TEST(StepText, SaysWhetherAStepIsTheBatchs) {
  const auto steps = two_blocks().steps;
  std::vector<std::string> lines;
  for (const auto& step : steps) lines.push_back(step_text(step));
  EXPECT_THAT(lines, AllOf(Contains("block.10.mlp.fc1: linear 4 -> 8"),
                           Contains("kept: take 1 rows (batch)")));
}

}  // namespace
}  // namespace vit::engine
