// Part of the test programs that use LibTorch, which seeds its default generator from the operating
// system. Here each test starts with the same seed, whichever tests run before it.
#include <ATen/Context.h>
#include <gtest/gtest.h>

namespace {

class SameRandomNumbers : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { at::manual_seed(1); }
};

[[maybe_unused]] const bool registered = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new SameRandomNumbers);
  return true;
}();

}  // namespace
