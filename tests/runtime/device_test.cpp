#include "vit/runtime/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vit/core/error.h"

namespace vit::runtime {
namespace {

TEST(OpenDevice, TakesTheCpuAndMeta) {
  EXPECT_EQ(open_device("cpu"), c10::Device(c10::kCPU));
  EXPECT_EQ(open_device("meta"), c10::Device(c10::kMeta));
}

TEST(OpenDevice, RefusesNamesThatAreNoDevice) {
  for (const auto* name : {"", "tpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999", "CPU", "cpu:0"})
    EXPECT_THROW(open_device(name), UsageError) << name;
}

TEST(OpenDevice, TakesForAutoWhatWorks) {
  const auto device = open_device("auto");
  EXPECT_EQ(device.is_cuda(), why_no_cuda().empty());
}

TEST(PrepareDevice, SaysWhatIsMissingForADeviceThatIsNotThere) {
  EXPECT_NO_THROW(prepare_device(c10::kCPU));
  try {
    prepare_device({c10::kCUDA, 99});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), ::testing::StartsWith("device cuda:99: "));
  }
}

}  // namespace
}  // namespace vit::runtime
