#include "vit/train/schedule.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "vit/core/error.h"

namespace vit::train {
namespace {

TEST(Schedule, EqualsTimmsAtEveryStep) {
  for (const auto& golden : vit::testing::read_golden()["schedules"]) {
    ScheduleOptions options;
    options.name = golden["name"];
    options.lr = golden["lr"];
    options.min_lr = golden["min_lr"];
    options.total_steps = golden["total_steps"];
    options.warmup_steps = golden["warmup_steps"];
    options.warmup_lr = golden["warmup_lr"];
    options.decay_steps = golden["decay_steps"];
    options.decay_rate = golden["decay_rate"];
    std::int64_t step = 0;
    for (const double expected : golden["values"]) {
      EXPECT_NEAR(learning_rate(options, step), expected, 1e-15)  // some ulp of values below 1
          << options.name << " step " << step;
      ++step;
    }
  }
}

TEST(Schedule, StaysAtItsEndPastTheLastStep) {
  ScheduleOptions options;
  options.total_steps = 10;
  options.min_lr = 0.25;
  options.lr = 1.0;
  EXPECT_DOUBLE_EQ(learning_rate(options, 10), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate(options, 1000), 0.25);
}

TEST(Schedule, RefusesAnUnknownName) {
  ScheduleOptions options;
  options.name = "sine";
  EXPECT_THROW(learning_rate(options, 0), UsageError);
}

}  // namespace
}  // namespace vit::train
