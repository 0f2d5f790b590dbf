#include "state_dict/floats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace vit::state_dict {
namespace {

/// The compiler's own half, which knows nothing of ours.
float of_half(std::uint16_t bits) { return static_cast<float>(std::bit_cast<_Float16>(bits)); }
std::uint16_t half_of(float value) {
  return std::bit_cast<std::uint16_t>(static_cast<_Float16>(value));
}

void expect_same_half(float value) {
  if (std::isnan(value))
    EXPECT_TRUE(std::isnan(of_half(to_float16(value))));
  else
    EXPECT_EQ(to_float16(value), half_of(value)) << value;
}

TEST(Float16, IsTheCompilersForEveryPattern) {
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float expected = of_half(half), found = from_float16(half);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(found)) << bits;
      continue;
    }
    ASSERT_EQ(std::bit_cast<std::uint32_t>(found), std::bit_cast<std::uint32_t>(expected)) << bits;
    ASSERT_EQ(to_float16(found), half) << bits;
  }
}

TEST(Float16, RoundsAsTheCompilerDoesBetweenAnyTwo) {
  for (std::uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const float low = of_half(static_cast<std::uint16_t>(bits));
    const float high = bits == 0x7BFF ? 65536.0F : of_half(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;  // exact
    for (const float value : {middle, std::nextafter(middle, 0.0F), std::nextafter(middle, high)}) {
      expect_same_half(value);
      expect_same_half(-value);
    }
  }
}

TEST(Float16, HoldsWhatIsNoNumber) {
  for (const float value : {std::numeric_limits<float>::infinity(), 1e30F, 1e-30F, 0.0F, -0.0F,
                            std::numeric_limits<float>::quiet_NaN()}) {
    expect_same_half(value);
    expect_same_half(-value);
  }
}

TEST(Bfloat16, IsTheNearestAndHalfwayTheEvenOne) {
  constexpr auto kInfinity = std::numeric_limits<float>::infinity();
  for (std::uint32_t bits = 0; bits < 0x7F7F; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    const auto high = static_cast<std::uint16_t>(bits + 1);
    const double a = from_bfloat16(low), b = from_bfloat16(high);
    const auto middle = static_cast<float>((a + b) / 2);
    EXPECT_EQ(to_bfloat16(middle), low % 2 == 0 ? low : high);
    EXPECT_EQ(to_bfloat16(std::nextafter(middle, 0.0F)), low);
    EXPECT_EQ(to_bfloat16(std::nextafter(middle, kInfinity)), high);
    ASSERT_EQ(to_bfloat16(from_bfloat16(low)), low);
  }
  EXPECT_TRUE(std::isnan(from_bfloat16(to_bfloat16(std::nanf("")))));
}

}  // namespace
}  // namespace vit::state_dict
