#include "vit/core/thread_team.h"

#include <gtest/gtest.h>

#include <array>

#include "support/failing_threads.h"
#include "vit/core/error.h"

namespace vit {
namespace {

TEST(ThreadTeam, ThrowsWhereAThreadCannotBeStartedAndEndsThoseBefore) {
  for (const int allowed : {0, 3}) {
    const testing::FailingThreads failing(allowed);
    EXPECT_THROW(ThreadTeam(8), IoError);
  }
}

TEST(ThreadTeam, CallsEachRankOnceInEveryRun) {
  for (const int size : {1, 2, 5}) {
    ThreadTeam team(size);
    EXPECT_EQ(team.size(), size);
    std::array<std::atomic<int>, 5> calls{};
    for (int i = 0; i < 200; ++i)
      team.run([&](int rank, int count) {
        EXPECT_EQ(count, size);
        ++calls[rank];
      });
    for (int rank = 0; rank < 5; ++rank) EXPECT_EQ(calls[rank], rank < size ? 200 : 0);
  }
}

TEST(ThreadTeam, MeetsAtABarrierAgainAndAgain) {
  ThreadTeam team(4);
  SpinBarrier barrier;
  std::atomic<int> entered{0};
  int turns = 0;
  team.run([&](int, int count) {
    for (int i = 1; i <= 500; ++i) {
      ++entered;
      barrier.wait(count, [&] { ++turns; });
      EXPECT_GE(entered, i * count);  // nobody is behind
      EXPECT_EQ(turns, i);
      barrier.wait(count, [] {});
    }
  });
}

TEST(ThreadTeam, WorksAloneForACallerThatFindsItBusy) {
  ThreadTeam team(2);
  std::atomic<int> alone{0};
  team.run([&](int rank, int) {
    if (rank != 0) return;
    std::thread other([&] {
      team.run([&](int other_rank, int count) {
        EXPECT_EQ(other_rank, 0);
        EXPECT_EQ(count, 1);
        ++alone;
      });
    });
    other.join();
  });
  EXPECT_EQ(alone, 1);
}

}  // namespace
}  // namespace vit
