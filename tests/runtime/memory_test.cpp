#include "vit/runtime/memory.h"

#include <ATen/Functions.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/alignment.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>

#include "vit/runtime/failure.h"

namespace vit::runtime {
namespace {

/// The allocator that keep_freed_memory() sets; after the test LibTorch's again.
class KeepFreedMemory : public testing::Test {
 protected:
  KeepFreedMemory() { keep_freed_memory(); }
  ~KeepFreedMemory() override { c10::SetCPUAllocator(before_, /*priority=*/1); }
  static c10::Allocator& allocator() { return *c10::GetCPUAllocator(); }

 private:
  c10::Allocator* before_ = c10::GetCPUAllocator();
};

TEST_F(KeepFreedMemory, AlignsBlocksOfEverySize) {
  for (std::size_t size = 1; size < 300; ++size) {
    const auto block = allocator().allocate(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.get()) % c10::gAlignment, 0U) << size;
    EXPECT_EQ(block.device(), c10::Device(c10::kCPU));
    std::fill_n(static_cast<char*>(block.get()), size, '\1');
  }
}

TEST_F(KeepFreedMemory, GivesNothingForNothing) {
  EXPECT_EQ(allocator().allocate(0).get(), nullptr);
}

TEST_F(KeepFreedMemory, GivesRawBlocksAndCopies) {
  auto* raw = static_cast<char*>(allocator().raw_allocate(100));
  std::fill_n(raw, 100, 'x');
  const auto copy = allocator().clone(raw, 100);
  allocator().raw_deallocate(raw);
  EXPECT_EQ(std::string(static_cast<const char*>(copy.get()), 100), std::string(100, 'x'));
}

TEST_F(KeepFreedMemory, TensorsOutliveTheirThread) {
  at::Tensor tensor;
  std::thread([&] { tensor = at::ones({1000}); }).join();
  EXPECT_EQ(tensor.sum().item<float>(), 1000.0F);
}

TEST_F(KeepFreedMemory, SaysHowMuchWasAskedFor) {
  for (const auto size : {std::size_t{1} << 50U, std::numeric_limits<std::size_t>::max()}) {
    try {
      allocator().allocate(size);
      ADD_FAILURE();
    } catch (const c10::Error& failure) {
      const auto error = explain_failure(failure);
      ASSERT_TRUE(error);
      EXPECT_EQ(error->kind(), ErrorKind::kIo);
    }
  }
}

}  // namespace
}  // namespace vit::runtime
