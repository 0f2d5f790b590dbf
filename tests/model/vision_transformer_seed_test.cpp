// The model against the seed's own Python, on golden files made by tests/golden/make_seed.py.
#include <gtest/gtest.h>

#include "model/golden.h"
#include "vit/model/vision_transformer.h"
#include "vit/nn/activation.h"
#include "vit/nn/layer_norm.h"
#include "vit/nn/patch_embed.h"

namespace vit::model {
namespace {

using testing::Golden;
using testing::relative_difference;

// float64 leaves about 1e-15 a step; sums in another order over these small models stay under it.
constexpr double kTolerance = 1e-12;

/// What make_seed.py puts in place of the seed's layers.
VisionTransformerLayers replaced_layers() {
  VisionTransformerLayers layers;
  layers.embed_layer = [](const nn::PatchEmbedOptions& options, const nn::NormFactory&,
                          const torch::TensorOptions& tensor_options) -> nn::EmbedLayerPtr {
    return std::make_shared<nn::PatchEmbedImpl>(options, nn::NormFactory(), tensor_options);
  };
  layers.norm_layer = nn::layer_norm_factory(1e-2);
  layers.act_layer = std::make_shared<nn::TanhImpl>();
  return layers;
}

class SeedGolden : public ::testing::TestWithParam<std::string> {
 protected:
  SeedGolden() : golden_(testing::read_golden(GetParam())) {
    fields_from_json(options_, golden_.config, GetParam());
  }
  VisionTransformer build() {
    const bool replaced = GetParam() == "seed/replaced_layers";
    return testing::build_golden_model(golden_, options_,
                                       replaced ? replaced_layers() : VisionTransformerLayers());
  }

  Golden golden_;
  VisionTransformerOptions options_;
};

TEST_P(SeedGolden, EvalOutputAndEveryModuleOutputAreEqual) {
  const torch::NoGradGuard no_grad;
  auto model = build();
  model->eval();
  const auto output = model->forward(golden_["input"]);
  EXPECT_FALSE(output.dist_logits.defined());
  EXPECT_LE(relative_difference(output.logits, golden_["output"]), kTolerance);

  EXPECT_LE(
      relative_difference(model->patch_embed->forward(golden_["input"]), golden_["patch_embed"]),
      kTolerance);
  auto tokens = model->embed(golden_["input"]);
  for (std::int64_t i = 0; i < options_.depth(); ++i) {
    tokens = model->block->at<nn::Layer>(i).forward(tokens);
    EXPECT_LE(relative_difference(tokens, golden_["block." + std::to_string(i)]), kTolerance) << i;
  }
  EXPECT_LE(relative_difference(model->norm->forward(tokens), golden_["norm"]), kTolerance);
}

TEST_P(SeedGolden, TrainingOutputsAndEveryGradientAreEqual) {
  for (const bool fused : {true, false}) {
    options_.fused_attn(fused);
    auto model = build();
    testing::switch_random_parts_off(*model);
    const auto output = model->forward(golden_["input"]);
    EXPECT_LE(relative_difference(output.logits, golden_["train.output"]), kTolerance);
    auto loss = (output.logits * golden_["cotangent"]).sum();
    ASSERT_EQ(output.dist_logits.defined(), golden_.has("train.dist_output"));
    if (output.dist_logits.defined()) {
      EXPECT_LE(relative_difference(output.dist_logits, golden_["train.dist_output"]), kTolerance);
      loss = loss + (output.dist_logits * golden_["dist_cotangent"]).sum();
    }
    loss.backward();
    for (const auto& [name, tensor] : state_dict(*model))
      EXPECT_LE(relative_difference(tensor.grad(), golden_["grad." + name]), kTolerance) << name;
  }
}

TEST_P(SeedGolden, ExchangingAnyTwoParametersOfOneShapeShows) {
  const torch::NoGradGuard no_grad;
  auto model = build();
  model->eval();
  const auto entries = state_dict(*model);
  const auto exchange = [&](std::size_t i, std::size_t j) {
    const auto kept = entries[i].second.clone();
    torch::Tensor(entries[i].second).copy_(entries[j].second);
    torch::Tensor(entries[j].second).copy_(kept);
  };
  for (std::size_t i = 0; i < entries.size(); ++i)
    for (std::size_t j = i + 1; j < entries.size(); ++j) {
      if (entries[i].second.sizes() != entries[j].second.sizes()) continue;
      exchange(i, j);
      EXPECT_GT(relative_difference(model->forward(golden_["input"]).logits, golden_["output"]),
                1e-6)
          << entries[i].first << " and " << entries[j].first;
      exchange(i, j);
    }
}

TEST_P(SeedGolden, BuildsAndRunsOnTheMetaDevice) {
  const torch::NoGradGuard no_grad;
  VisionTransformer model(options_, torch::TensorOptions().device(at::kMeta));
  for (const auto& [name, tensor] : state_dict(*model)) EXPECT_TRUE(tensor.is_meta()) << name;
  model->eval();
  const auto output = model->forward(golden_["input"].to(at::kFloat).to(at::kMeta));
  EXPECT_TRUE(output.logits.is_meta());
  EXPECT_EQ(output.logits.sizes(), golden_["output"].sizes());
}

INSTANTIATE_TEST_SUITE_P(Files, SeedGolden, ::testing::ValuesIn(testing::golden_names("seed")),
                         [](const auto& param) { return param.param.substr(5); });

TEST(SeedGolden, IsThereInTwentyConfigurations) {
  EXPECT_EQ(testing::golden_names("seed").size(), 20U);
}

}  // namespace
}  // namespace vit::model
