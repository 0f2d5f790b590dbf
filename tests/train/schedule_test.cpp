#include "vit/train/schedule.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "vit/core/error.h"

namespace vit::train {
namespace {

TEST(Schedule, EqualsTimmsAtEveryStep) {
  for (const auto& golden : vit::testing::read_golden()["schedules"]) {
    Schedule schedule;
    schedule.name = golden["name"];
    schedule.lr = golden["lr"];
    schedule.min_lr = golden["min_lr"];
    schedule.total_steps = golden["total_steps"];
    schedule.warmup_steps = golden["warmup_steps"];
    schedule.warmup_lr = golden["warmup_lr"];
    schedule.decay_steps = golden["decay_steps"];
    schedule.decay_rate = golden["decay_rate"];
    std::int64_t step = 0;
    for (const double expected : golden["values"]) {
      EXPECT_NEAR(learning_rate(schedule, step), expected, 1e-15)  // some ulp of values below 1
          << schedule.name << " step " << step;
      ++step;
    }
  }
}

TEST(Schedule, StaysAtItsEndPastTheLastStep) {
  Schedule schedule;
  schedule.total_steps = 10;
  schedule.min_lr = 0.25;
  schedule.lr = 1.0;
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 10), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1000), 0.25);
}

TEST(Schedule, RefusesAnUnknownName) {
  Schedule schedule;
  schedule.name = "sine";
  EXPECT_THROW(learning_rate(schedule, 0), UsageError);
}

}  // namespace
}  // namespace vit::train
