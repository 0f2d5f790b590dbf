#include "vit/runtime/parallel.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace vit::runtime {
namespace {

/// How often f(i) was called for each i.
std::vector<int> calls(int count) {
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
  run_in_parallel(count, [&](int i) { ++seen[static_cast<std::size_t>(i)]; });
  return {seen.begin(), seen.end()};
}

TEST(RunInParallel, CallsForEachNumberOnce) {
  for (const int count : {0, 1, at::get_num_threads(), 3 * at::get_num_threads() + 1})
    EXPECT_EQ(calls(count), std::vector<int>(static_cast<std::size_t>(count), 1));
}

TEST(RunInParallel, CallsForEachNumberOnceWithinItself) {
  std::atomic<int> good = 0;
  run_in_parallel(4, [&](int) { good += calls(5) == std::vector<int>(5, 1) ? 1 : 0; });
  EXPECT_EQ(good, 4);
}

}  // namespace
}  // namespace vit::runtime
