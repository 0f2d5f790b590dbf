#include "vit/core/mapped_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace vit {
namespace {

TEST(MappedMemory, IsZerosFromTheBeginningOfAHugePageOn) {
  for (const std::size_t bytes : {std::size_t{1}, kMappedBytes, kMappedBytes + 4097}) {
    auto* memory = static_cast<unsigned char*>(map_memory(bytes));
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % kMappedBytes, 0U);
    EXPECT_TRUE(std::all_of(memory, memory + bytes, [](auto byte) { return byte == 0; }));
    std::fill(memory, memory + bytes, 1);
    unmap_memory(memory, bytes);
  }
}

TEST(MappedMemory, IsNullWhereThereIsNotSoMuch) {
  constexpr auto kMost = std::numeric_limits<std::size_t>::max();
  for (const auto bytes : {kMost / 4, kMost - 1, kMost}) EXPECT_EQ(map_memory(bytes), nullptr);
}

}  // namespace
}  // namespace vit
