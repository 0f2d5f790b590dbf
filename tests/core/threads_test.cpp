#include "vit/core/threads.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <numeric>
#include <stdexcept>

#include "support/failing_threads.h"
#include "vit/core/error.h"

namespace vit {
namespace {

TEST(ThreadPool, GivesEachTaskItsResult) {
  ThreadPool pool(4);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 100; ++i) results.push_back(pool.submit([i] { return i * i; }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)].get(), i * i);
}

TEST(ThreadPool, HandsOnATasksException) {
  ThreadPool pool(1);
  auto failing = pool.submit([]() -> int { throw std::runtime_error("no"); });
  auto next = pool.submit([] { return 1; });
  EXPECT_THROW(failing.get(), std::runtime_error);
  EXPECT_EQ(next.get(), 1);
}

TEST(ThreadPool, ThrowsWhereAThreadCannotBeStartedAndEndsThoseBefore) {
  for (const int allowed : {0, 3}) {
    const testing::FailingThreads failing(allowed);
    try {
      const ThreadPool pool(8);
      FAIL();
    } catch (const IoError& error) {
      EXPECT_NE(std::string(error.what()).find("thread cannot be started"), std::string::npos);
    }
  }
}

TEST(ThreadPool, OfOneThreadKeepsTheOrder) {
  std::vector<int> order;
  {
    ThreadPool pool(1);
    for (int i = 0; i < 50; ++i) pool.submit([&order, i] { order.push_back(i); });
  }
  std::vector<int> expected(50);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

TEST(ThreadPool, FinishesItsQueueBeforeItIsGone) {
  std::atomic<int> done{0};
  {
    ThreadPool pool(3);
    for (int i = 0; i < 200; ++i) pool.submit([&done] { ++done; });
  }
  EXPECT_EQ(done, 200);
}

TEST(AvailableCores, AreThoseOfTheAffinityMask) {
  const int before = available_cores();
  EXPECT_GE(before, 1);
  cpu_set_t old;
  ASSERT_EQ(sched_getaffinity(0, sizeof old, &old), 0);
  EXPECT_LE(before, CPU_COUNT(&old));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &old)) {
      CPU_SET(cpu, &one);
      break;
    }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_cores(), 1);
  sched_setaffinity(0, sizeof old, &old);
}

}  // namespace
}  // namespace vit
