#include "vit/runtime/failure.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>

namespace vit::runtime {
namespace {

using ::testing::HasSubstr;

TEST(ExplainFailure, SaysHowMuchMemoryWasAskedFor) {
  try {
    at::empty({1L << 20, 1L << 22}, at::kFloat);
    FAIL();
  } catch (const c10::Error& failure) {
    const auto error = explain_failure(failure);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind(), ErrorKind::kIo);
    EXPECT_STREQ(error->what(), "not enough memory: 16.00 TiB asked for");
  }
}

TEST(ExplainFailure, SaysHowMuchWasInUseWhereNobodyKnowsWhatWasAskedFor) {
  const auto error = explain_failure(std::bad_alloc());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::kIo);
  EXPECT_THAT(error->what(), HasSubstr("iB in use"));
}

// The texts of c10/cuda/CUDACachingAllocator.cpp and c10/cuda/CUDAException.cpp of 2.15.
TEST(ExplainFailure, NamesTheDeviceThatIsOutOfMemory) {
  const auto error = explain_failure(c10::OutOfMemoryError(
      {"", "", 0},
      "CUDA out of memory. Tried to allocate 36.75 GiB. GPU 1 has a total capacity of 79.11 GiB of "
      "which 12.20 GiB is free. Process 7 has 66.90 GiB memory in use. Of the allocated memory 1 "
      "MiB is allocated by PyTorch.\nSee documentation"));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::kUsage);
  EXPECT_STREQ(error->what(),
               "cuda:1: out of memory: 36.75 GiB asked for, 12.20 GiB of 79.11 GiB free");
}

TEST(ExplainFailure, TellsOneLineOfACudaFailure) {
  const auto error = explain_failure(
      c10::AcceleratorError({"", "", 0}, 700,
                            "CUDA error: an illegal memory access was encountered\nCUDA kernel "
                            "errors might be asynchronously reported at some other API call"));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::kUsage);
  EXPECT_THAT(error->what(), HasSubstr("cuda"));
  EXPECT_THAT(error->what(), HasSubstr("illegal memory access"));
  EXPECT_EQ(std::string(error->what()).find('\n'), std::string::npos);
}

TEST(ExplainFailure, TakesAFailedAllocationOfALibraryForOutOfMemory) {
  const auto error = explain_failure(c10::Error(
      {"", "", 0}, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::kUsage);
  EXPECT_THAT(error->what(), HasSubstr("out of memory"));
  EXPECT_THAT(error->what(), HasSubstr("cublasCreate"));
}

TEST(ExplainFailure, LeavesOtherErrorsAlone) {
  EXPECT_FALSE(explain_failure(c10::Error({"", "", 0}, "shapes differ")));
  EXPECT_FALSE(explain_failure(std::runtime_error("no")));
}

}  // namespace
}  // namespace vit::runtime
