#include "vit/model/calibrate.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "support/small_model.h"
#include "vit/core/error.h"
#include "vit/nn/block.h"
#include "vit/torch.h"

namespace vit::model {
namespace {

using vit::testing::small_model;

/// One batch after the other.
NextBatch batches_of(std::vector<at::Tensor> batches) {
  return [batches, next = std::size_t{0}]() mutable -> std::optional<Array> {
    if (next == batches.size()) return std::nullopt;
    return to_array(batches[next++]);
  };
}

Calibration calibrate_on(const LoadedModel& loaded, const std::vector<at::Tensor>& batches) {
  const auto tensors = state_dict(*loaded.model);
  const auto weights = [&](const std::string& name) -> std::optional<engine::WeightView> {
    for (const auto& [known, tensor] : tensors)
      if (known == name)
        return engine::WeightView{
            tensor.sizes().vec(),
            {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())},
            nullptr};
    return std::nullopt;
  };
  return calibrate(loaded.config, weights, batches_of(batches));
}

TEST(Calibrate, FindsTheMeanSquaresOfWhatEachLayerSees) {
  const auto images = at::randn({3, 3, 32, 32});
  auto loaded = small_model();
  const auto found = calibrate_on(loaded, {images.slice(0, 0, 2), images.slice(0, 2)});

  const at::NoGradGuard no_grad;
  auto& block = *std::dynamic_pointer_cast<nn::BlockImpl>(loaded.model->block->ptr(0));
  const auto seen = block.norm1->forward(loaded.model->embed(images));
  const auto expected = seen.to(at::kDouble).square().mean({0, 1});  // [24]
  const auto& layer = found.at("block.0.attn.qkv.weight");
  // The engine ran in float32.
  EXPECT_TRUE(at::allclose(layer.moments, expected, 1e-5));
  EXPECT_EQ(found.size(), 2U * 4) << "qkv, proj, fc1 and fc2 of two blocks";
  EXPECT_EQ(found.at("block.1.mlp.fc2.weight").moments.size(0), 96);

  // 256 numbers over all, or nearly all, of what was seen.
  const auto scale = layer.input_scale[0].item<double>(), low = layer.input_scale[1].item<double>();
  const auto least = seen.min().item<double>(), most = seen.max().item<double>();
  EXPECT_GE(low, least * 1.01);
  EXPECT_LE(low, 0.5 * least);
  EXPECT_LE(low + 255 * scale, most * 1.01);
  EXPECT_GE(low + 255 * scale, 0.5 * most);
}

TEST(Calibrate, RefusesNoImages) { EXPECT_THROW(calibrate_on(small_model(), {}), DataError); }

}  // namespace
}  // namespace vit::model
