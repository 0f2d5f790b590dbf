#include <cmath>
#include <limits>

#include "kernels/levels.h"

namespace vit::kernels {
namespace {

constexpr Activation kAll[] = {Activation::kIdentity, Activation::kGelu,      Activation::kGeluTanh,
                               Activation::kMish,     Activation::kQuickGelu, Activation::kRelu,
                               Activation::kSigmoid,  Activation::kSilu,      Activation::kTanh};

class ActivationKernels : public KernelTest {};
VIT_EACH_LEVEL(ActivationKernels);

TEST_P(ActivationKernels, AreWithinAFewRoundingsOfTheDefinition) {
  std::vector<float> x;
  for (int i = -40000; i <= 40000; ++i) x.push_back(static_cast<float>(i) * 1e-3F);
  std::vector<float> y(x.size());
  for (const auto activation : kAll) {
    GetParam().activate(activation, x.data(), static_cast<std::int64_t>(x.size()), y.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      // Each is |x| (or 1) times a factor that is right to three units in the last place of 1; the
      // exponent of exp2 carries the rounding of its argument, 2^-24 of at most 64.
      const double tolerance = 3e-7 * std::max(1.0F, std::abs(x[i]));
      ASSERT_NEAR(y[i], reference_activation(activation, x[i]), tolerance)
          << activation_name(activation) << " of " << x[i];
    }
  }
}

TEST_P(ActivationKernels, GeluIsExactFarFromZero) {
  const std::vector<float> x{-1e4F, -100.0F, -6.0F, 6.0F, 100.0F, 1e4F, 0.0F};
  std::vector<float> y(x.size());
  GetParam().activate(Activation::kGelu, x.data(), static_cast<std::int64_t>(x.size()), y.data());
  EXPECT_EQ(y, (std::vector<float>{0.0F, 0.0F, 0.0F, 6.0F, 100.0F, 1e4F, 0.0F}));
}

TEST_P(ActivationKernels, KeepNotANumber) {
  const std::vector<float> x(5, std::numeric_limits<float>::quiet_NaN());
  std::vector<float> y(x.size());
  GetParam().activate(Activation::kGelu, x.data(), 5, y.data());
  for (const auto value : y) EXPECT_TRUE(std::isnan(value));
}

TEST(Activation, NamesGoBothWays) {
  for (const auto activation : kAll)
    EXPECT_EQ(parse_activation(activation_name(activation)), activation);
  EXPECT_EQ(parse_activation("swish"), Activation::kSilu);
  EXPECT_EQ(parse_activation("GELU"), std::nullopt);
}

}  // namespace
}  // namespace vit::kernels
