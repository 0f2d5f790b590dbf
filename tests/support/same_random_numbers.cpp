// Linked into the programs of the rooms with LibTorch. Its default generator starts with a number of
// the operating system's in C++; here every test draws the same numbers in each run, by whatever
// filter it was picked.
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
