#include "vit/model/quantize.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/small_model.h"
#include "support/support.h"
#include "vit/core/error.h"
#include "vit/io/safetensors.h"
#include "vit/model/convert.h"

namespace vit::model {
namespace {

using vit::testing::small_model;

TEST(Quantize, KeepsEachWeightWithinHalfAStepOfItsRow) {
  const auto weight = at::randn({7, 30}) * at::arange(1, 8).unsqueeze(1);
  const auto [values, scale] = quantize(weight);
  EXPECT_EQ(values.scalar_type(), at::kChar);
  EXPECT_EQ(scale.sizes().vec(), std::vector<std::int64_t>{7});
  EXPECT_TRUE(values.to(at::kInt).abs().amax(1).eq(127).all().item<bool>());
  const auto change = (dequantize(values, scale) - weight).abs();
  // The product's own rounding comes on top of half a step.
  EXPECT_TRUE(change.le(scale.unsqueeze(1) * 0.5001).all().item<bool>());
}

TEST(Quantize, TakesARowOfZeros) {
  const auto [values, scale] = quantize(at::zeros({2, 3}));
  EXPECT_TRUE(at::equal(dequantize(values, scale), at::zeros({2, 3})));
}

TEST(Quantize, RefusesWhatIsNotFinite) {
  EXPECT_THROW(quantize(at::full({2, 3}, std::numeric_limits<double>::quiet_NaN())), DataError);
}

TEST(Quantize, FitsTheScaleToWhatTheLayerSees) {
  // One outlier that meets hardly any input: finer steps for the others are the better choice.
  auto weight = at::rand({1, 64}) * 2 - 1;
  weight[0][0] = 1.9;
  auto moments = at::ones({64});
  moments[0] = 1e-6;
  const auto error = [&](const QuantizedWeight& q) {
    return ((dequantize(q.values, q.scale) - weight).square() * moments).sum().item<double>();
  };
  const auto plain = quantize(weight), fitted = quantize(weight, moments);
  EXPECT_LT(fitted.scale.item<double>(), plain.scale.item<double>());
  EXPECT_LT(error(fitted), 0.6 * error(plain));
}

TEST(Quantize, MakesAFileThatLoadsLikeAnyOther) {
  const testing::TemporaryFolder folder;
  const auto loaded = small_model();
  save_model(folder / "full.safetensors", *loaded.model, loaded.config);
  ConvertOptions options;
  options.dtype = io::DType::kI8;
  convert(folder / "full.safetensors", folder / "int8.safetensors", options);

  const auto file = io::read_safetensors((folder / "int8.safetensors").string());
  std::int64_t quantized = 0;
  for (const auto& entry : file.tensors.entries()) quantized += entry.dtype == io::DType::kI8;
  EXPECT_EQ(quantized, 2 * 4) << "qkv, proj, fc1 and fc2 of two blocks";

  const auto again = load_model(folder / "int8.safetensors");
  const auto before = loaded.model->named_parameters();
  for (const auto& item : again.model->named_parameters()) {
    const auto& exact = before[item.key()];
    const bool linear = item.key().find("block.") == 0 && exact.dim() == 2;
    const auto expected =
        linear ? dequantize(quantize(exact).values, quantize(exact).scale) : exact.detach();
    EXPECT_TRUE(at::equal(item.value(), expected)) << item.key();
  }
}

TEST(Quantize, IsNothingThatTimmCouldRead) {
  const testing::TemporaryFolder folder;
  const auto loaded = small_model();
  save_model(folder / "full.safetensors", *loaded.model, loaded.config);
  ConvertOptions options;
  options.dtype = io::DType::kI8;
  options.to = Dialect::kTimm;
  EXPECT_THROW(convert(folder / "full.safetensors", folder / "timm", options), UsageError);
  EXPECT_FALSE(std::filesystem::exists(folder / "timm"));
}

}  // namespace
}  // namespace vit::model
