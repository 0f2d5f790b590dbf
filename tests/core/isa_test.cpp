#include "vit/core/isa.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vit {
namespace {

TEST(Isa, LevelsRiseFromPortableToTheDetectedOne) {
  const auto& isas = supported_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), Isa::kPortable);
  EXPECT_EQ(isas.back(), detect_isa());
  EXPECT_TRUE(std::is_sorted(isas.begin(), isas.end()));
}

TEST(Isa, EachLevelHasAName) {
  EXPECT_EQ(isa_name(Isa::kPortable), "portable");
  EXPECT_EQ(isa_name(Isa::kAvx2), "avx2");
  EXPECT_EQ(isa_name(Isa::kAvx512), "avx512");
  EXPECT_EQ(isa_name(Isa::kVnni), "avx512_vnni");
  EXPECT_EQ(isa_name(Isa::kBf16), "avx512_bf16");
  EXPECT_EQ(isa_name(Isa::kAmx), "amx");
}

}  // namespace
}  // namespace vit
