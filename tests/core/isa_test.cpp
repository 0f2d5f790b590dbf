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

TEST(Isa, NamesGoBothWays) {
  for (const auto isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512})
    EXPECT_EQ(parse_isa(isa_name(isa)), isa);
  EXPECT_EQ(parse_isa("AVX2"), std::nullopt);
  EXPECT_EQ(parse_isa(""), std::nullopt);
}

}  // namespace
}  // namespace vit
