#include "vit/infer/calibrate.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "support/small_model.h"
#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/data/encode.h"
#include "vit/infer/predictor.h"
#include "vit/nn/block.h"
#include "vit/nn/linear.h"

namespace vit::infer {
namespace {

using vit::testing::small_model;

std::vector<data::Image> write_pictures(const std::filesystem::path& folder, int count) {
  std::vector<data::Image> pictures;
  for (int i = 0; i < count; ++i) {
    data::Image image(32, 32, 3);
    for (std::size_t p = 0; p < image.pixels.size(); ++p)
      image.pixels[p] = static_cast<std::uint8_t>(p * 7 * (i + 1) % 251);
    write_file(folder / (std::to_string(i) + ".png"), data::encode_png(image));
    pictures.push_back(std::move(image));
  }
  return pictures;
}

TEST(CollectInputMoments, AreTheMeanSquaresOfWhatEachLayerSees) {
  const testing::TemporaryFolder folder;
  const auto pictures = write_pictures(folder.path(), 3);
  auto loaded = small_model();
  CalibrateOptions options;
  options.batch_size = 2;
  const auto moments = collect_input_moments(loaded, folder.path(), options);

  const at::NoGradGuard no_grad;
  const Predictor predictor(loaded);
  auto& block = *std::dynamic_pointer_cast<nn::BlockImpl>(loaded.model->block->ptr(0));
  const auto seen = block.norm1->forward(loaded.model->embed(predictor.preprocess(pictures)));
  const auto expected = seen.to(at::kDouble).square().mean({0, 1});  // [24]
  const auto& found = moments.at("block.0.attn.qkv.weight");
  // The model ran in float32, in other batches.
  EXPECT_TRUE(at::allclose(found, expected, 1e-5));
  EXPECT_EQ(moments.count("block.1.mlp.fc2.weight"), 1U);
  EXPECT_EQ(moments.at("block.1.mlp.fc2.weight").size(0), 96);
}

TEST(CollectInputMoments, LeavesTheCallersModuleAlone) {
  const testing::TemporaryFolder folder;
  write_pictures(folder.path(), 1);
  auto loaded = small_model();
  loaded.model->train();
  int calls = 0;
  for (const auto& module : loaded.model->modules())
    if (auto linear = std::dynamic_pointer_cast<nn::LinearImpl>(module))
      linear->on_input = [&calls](const at::Tensor&) { ++calls; };
  collect_input_moments(loaded, folder.path());
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

TEST(CollectInputMoments, RefusesAFolderWithoutPictures) {
  const testing::TemporaryFolder folder;
  EXPECT_THROW(collect_input_moments(small_model(), folder.path()), DataError);
}

}  // namespace
}  // namespace vit::infer
