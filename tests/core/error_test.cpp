#include "vit/core/error.h"

#include <gtest/gtest.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string>

namespace vit {
namespace {

TEST(Error, SaysWhereWhatWasExpectedAndWhatWasFound) {
  const DataError error("{}: expected shape {}, found {}", "a.pt", std::vector<int>{1, 2}, 3);
  EXPECT_STREQ(error.what(), "a.pt: expected shape [1, 2], found 3");
  EXPECT_EQ(error.exit_code(), 1);
}

TEST(Error, DoesNotReadHolesInItsArguments) { EXPECT_EQ(format("{}: {}", "a{}b", 1), "a{}b: 1"); }

TEST(Error, KindsAreTheCommandsExitCodes) {
  EXPECT_EQ(UsageError("x").exit_code(), 2);
  EXPECT_EQ(NotFiniteError("x").exit_code(), 3);
  EXPECT_EQ(IoError("x").exit_code(), 4);
  EXPECT_EQ(DistributedError("x").exit_code(), 5);
}

TEST(ErrorMessage, IsTheTextInOneLine) {
  EXPECT_EQ(error_message(std::make_exception_ptr(DataError("a\nb"))).find('\n'),
            std::string::npos);
  EXPECT_EQ(error_message(std::make_exception_ptr(std::runtime_error("x"))), "x");
  EXPECT_EQ(error_message(std::make_exception_ptr(std::bad_alloc())), "not enough memory");
  EXPECT_EQ(error_message(std::make_exception_ptr(7)), "unknown error");
}

}  // namespace
}  // namespace vit
