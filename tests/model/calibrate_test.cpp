#include "vit/model/calibrate.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "support/small_model.h"
#include "vit/core/error.h"
#include "vit/nn/block.h"
#include "vit/nn/linear.h"
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

TEST(CollectInputMoments, AreTheMeanSquaresOfWhatEachLayerSees) {
  const auto images = at::randn({3, 3, 32, 32});
  auto loaded = small_model();
  const auto moments =
      collect_input_moments(loaded, batches_of({images.slice(0, 0, 2), images.slice(0, 2)}));

  const at::NoGradGuard no_grad;
  auto& block = *std::dynamic_pointer_cast<nn::BlockImpl>(loaded.model->block->ptr(0));
  const auto seen = block.norm1->forward(loaded.model->embed(images));
  const auto expected = seen.to(at::kDouble).square().mean({0, 1});  // [24]
  const auto& found = moments.at("block.0.attn.qkv.weight");
  // The model ran in float32, in other batches.
  EXPECT_TRUE(at::allclose(found, expected, 1e-5));
  EXPECT_EQ(moments.count("block.1.mlp.fc2.weight"), 1U);
  EXPECT_EQ(moments.at("block.1.mlp.fc2.weight").size(0), 96);
}

TEST(CollectInputMoments, LeavesTheCallersModuleAlone) {
  auto loaded = small_model();
  loaded.model->train();
  int calls = 0;
  for (const auto& module : loaded.model->modules())
    if (auto linear = std::dynamic_pointer_cast<nn::LinearImpl>(module))
      linear->on_input = [&calls](const at::Tensor&) { ++calls; };
  collect_input_moments(loaded, batches_of({at::randn({1, 3, 32, 32})}));
  EXPECT_EQ(calls, 0);
  for (const auto& module : loaded.model->modules()) {
    EXPECT_TRUE(module->is_training());
    if (auto linear = std::dynamic_pointer_cast<nn::LinearImpl>(module)) {
      ASSERT_TRUE(linear->on_input);
      linear->on_input({});
    }
  }
  EXPECT_GT(calls, 0);
}

TEST(CollectInputMoments, RefusesNoImages) {
  EXPECT_THROW(collect_input_moments(small_model(), batches_of({})), DataError);
}

}  // namespace
}  // namespace vit::model
