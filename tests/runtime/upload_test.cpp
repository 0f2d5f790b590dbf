#include "vit/runtime/upload.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "vit/runtime/device.h"

namespace vit::runtime {
namespace {

TEST(Upload, GivesACpuTensorItself) {
  const Upload upload(c10::kCPU);
  const auto tensor = at::arange(6, at::kFloat);
  EXPECT_TRUE(upload(tensor).is_same(tensor));
  EXPECT_EQ(upload(tensor, at::kDouble).scalar_type(), at::kDouble);
  EXPECT_FALSE(upload.overlaps());
}

TEST(Upload, CopiesToACudaDevice) {
  if (const auto problem = why_no_cuda(); !problem.empty()) GTEST_SKIP() << problem;
  const Upload upload({c10::kCUDA, 0});
  EXPECT_TRUE(upload.overlaps());
  const auto tensor = at::arange(6, at::kFloat);
  const auto copy = upload(tensor, at::kDouble);
  EXPECT_TRUE(copy.is_cuda());
  EXPECT_TRUE(at::equal(copy.cpu(), tensor.to(at::kDouble)));
}

}  // namespace
}  // namespace vit::runtime
