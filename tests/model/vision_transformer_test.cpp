#include "vit/model/vision_transformer.h"

#include <gtest/gtest.h>

#include "model/golden.h"
#include "vit/core/error.h"
#include "vit/nn/activation.h"
#include "vit/nn/block.h"
#include "vit/nn/identity.h"
#include "vit/nn/layer_norm.h"
#include "vit/nn/patch_embed.h"
#include "vit/runtime/generator.h"

namespace vit::model {
namespace {

VisionTransformerOptions small() { return testing::small_options(3); }

nn::BlockImpl& block_at(VisionTransformer& model, int index) {
  return dynamic_cast<nn::BlockImpl&>(model->block->at<nn::Layer>(index));
}

nn::MlpImpl& mlp_at(VisionTransformer& model, int index) {
  return dynamic_cast<nn::MlpImpl&>(*block_at(model, index).mlp);
}

nn::AttentionImpl& attention_at(VisionTransformer& model, int index) {
  return dynamic_cast<nn::AttentionImpl&>(*block_at(model, index).attn);
}

TEST(VisionTransformer, HasTheSeedsDefaults) {
  const VisionTransformerOptions options;
  EXPECT_EQ(options.embed_dim(), 768);
  EXPECT_EQ(options.depth(), 12);
  EXPECT_EQ(options.num_heads(), 12);
  EXPECT_EQ(options.num_classes(), 1000);
  EXPECT_TRUE(options.qkv_bias());
  EXPECT_TRUE(options.patch_norm());
  VisionTransformer model(options, at::kMeta);
  std::int64_t parameters = 0;
  for (const auto& [name, tensor] : state_dict(*model)) parameters += tensor.numel();
  // timm's vit_base_patch16_224 has 86,567,656; the seed adds patch_embed.norm's 2 · 768.
  EXPECT_EQ(parameters, 86'567'656 + 2 * 768);
}

TEST(VisionTransformer, HasANormInThePatchEmbeddingUnlessToldOtherwise) {
  VisionTransformer seed(small()), timm(small().patch_norm(false));
  const auto has_norm = [](const VisionTransformer& model) {
    for (const auto& [name, tensor] : state_dict(*model))
      if (name == "patch_embed.norm.weight") return true;
    return false;
  };
  EXPECT_TRUE(has_norm(seed));
  EXPECT_FALSE(has_norm(timm));
}

TEST(VisionTransformer, ItsNormsHaveEpsilonOneMillionth) {
  VisionTransformer model(small());
  model->apply([](torch::nn::Module& part) {
    if (const auto* norm = dynamic_cast<nn::LayerNormImpl*>(&part)) {
      EXPECT_EQ(norm->options.eps(), 1e-6);
    }
  });
}

TEST(VisionTransformer, SharesOneActivationAmongItsBlocks) {
  VisionTransformer model(small());
  EXPECT_EQ(mlp_at(model, 0).act, mlp_at(model, 2).act);
}

TEST(VisionTransformer, TakesTheCallersEmbeddingNormAndActivation) {
  VisionTransformerLayers layers;
  layers.act_layer = std::make_shared<nn::TanhImpl>();
  layers.norm_layer = nn::layer_norm_factory(0.5);
  bool embedded = false;
  layers.embed_layer = [&](const nn::PatchEmbedOptions& options, const nn::NormFactory& norm,
                           const torch::TensorOptions& tensor_options) -> nn::EmbedLayerPtr {
    embedded = true;
    return std::make_shared<nn::PatchEmbedImpl>(options, norm, tensor_options);
  };
  VisionTransformer model(small(), torch::TensorOptions(), layers);
  EXPECT_TRUE(embedded);
  EXPECT_EQ(mlp_at(model, 1).act, layers.act_layer);
  EXPECT_EQ(dynamic_cast<nn::LayerNormImpl&>(*model->norm).options.eps(), 0.5);
}

TEST(VisionTransformer, DropPathRisesLinearlyFromZeroAndFeedsTheProjectionsDropout) {
  VisionTransformer model(small().drop_path_ratio(0.5).drop_ratio(0.1));
  EXPECT_TRUE(dynamic_cast<nn::IdentityImpl*>(block_at(model, 0).drop_path.get()) != nullptr);
  for (const int i : {0, 1, 2}) {
    EXPECT_EQ(block_at(model, i).options.drop_path_ratio(), 0.25 * i);
    EXPECT_EQ(attention_at(model, i).proj_drop->p, 0.25 * i);
    EXPECT_EQ(mlp_at(model, i).drop->p, 0.1);
  }
  EXPECT_EQ(model->pos_drop->p, 0.1);
}

TEST(VisionTransformer, TimmsProjDropRateReplacesTheSeedsRatios) {
  VisionTransformer model(small().drop_path_ratio(0.5).drop_ratio(0.1).proj_drop_rate(0.2));
  EXPECT_EQ(attention_at(model, 2).proj_drop->p, 0.2);
  EXPECT_EQ(mlp_at(model, 2).drop->p, 0.2);
}

TEST(VisionTransformer, TimmsDistillationHeadSeesItsTokenAndIsAveragedInEval) {
  const torch::NoGradGuard no_grad;
  VisionTransformer model(small().distilled(true).dist_head("timm"));
  const auto x = at::randn({2, 3, 8, 8});
  const auto training = model->forward(x);
  ASSERT_EQ(training.dist_logits.sizes(), (std::vector<std::int64_t>{2, 5}));
  const auto features = model->forward_features(x);
  EXPECT_TRUE(
      at::equal(training.dist_logits, model->head_dist->forward(features.tokens.select(1, 0))));
  model->eval();
  const auto eval = model->forward(x);
  EXPECT_FALSE(eval.dist_logits.defined());
  EXPECT_TRUE(at::equal(eval.logits, (training.logits + training.dist_logits) / 2));
}

TEST(VisionTransformer, RefusesAnUnknownDistillationHead) {
  EXPECT_THROW(VisionTransformer(small().dist_head("other")), DataError);
}

TEST(VisionTransformer, MovesToAnotherTypeWithItsForward) {
  const torch::NoGradGuard no_grad;
  VisionTransformer model(small());
  model->to(at::kBFloat16);
  const auto output = model->forward(at::randn({1, 3, 8, 8}, at::kBFloat16));
  EXPECT_EQ(output.logits.scalar_type(), at::kBFloat16);
}

TEST(VisionTransformer, DrawsNothingWhenToldNotTo) {
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  const auto before = runtime::generator_state(generator);
  VisionTransformer model(small(), torch::TensorOptions(), VisionTransformerLayers(), false);
  EXPECT_TRUE(at::equal(before, runtime::generator_state(generator)));
  VisionTransformer drawn(small());
  EXPECT_FALSE(at::equal(before, runtime::generator_state(generator)));
}

TEST(InitVitWeights, FollowsTheSeedsDistributions) {
  VisionTransformer model(VisionTransformerOptions()
                              .img_size({64, 64})
                              .patch_size({8, 8})
                              .embed_dim(128)
                              .depth(2)
                              .num_heads(4)
                              .num_classes(50)
                              .distilled(true));
  init_vit_weights(*model, runtime::make_generator(7));
  for (const auto& [name, tensor] : state_dict(*model)) {
    const bool norm = name.find("norm") != std::string::npos;
    if (norm && name.ends_with("weight")) {
      EXPECT_TRUE(tensor.eq(1.0).all().item<bool>()) << name;
    } else if (name.ends_with("bias")) {
      EXPECT_TRUE(tensor.eq(0.0).all().item<bool>()) << name;
    } else {
      // Conv2d: fan_out = 128 · 8 · 8; tokens and position embedding .02; Linear .01.
      const double expected = name == "patch_embed.proj.weight" ? std::sqrt(2.0 / (128 * 64))
                              : name.ends_with("weight")        ? 0.01
                                                                : 0.02;
      // Five standard errors of an estimated standard deviation.
      const double slack = 5.0 / std::sqrt(2.0 * static_cast<double>(tensor.numel()));
      EXPECT_NEAR(tensor.std().item<double>() / expected, 1.0, slack) << name;
    }
  }
}

TEST(InitVitWeights, DependsOnItsGeneratorAlone) {
  VisionTransformer a(small()), b(small());
  init_vit_weights(*a, runtime::make_generator(3));
  init_vit_weights(*b, runtime::make_generator(3));
  const auto entries_a = state_dict(*a), entries_b = state_dict(*b);
  for (std::size_t i = 0; i < entries_a.size(); ++i)
    EXPECT_TRUE(at::equal(entries_a[i].second, entries_b[i].second)) << entries_a[i].first;
  init_vit_weights(*b, runtime::make_generator(4));
  EXPECT_FALSE(at::equal(a->cls_token, b->cls_token));
}

TEST(VitBase, SaysHowToMakeTheFileThatPretrainedNeeds) {
  setenv("VIT_WEIGHTS_DIR", "/no/such/folder", 1);
  try {
    vit_base_patch16_224(1000, true);
    FAIL() << "no error";
  } catch (const IoError& error) {
    EXPECT_NE(
        std::string(error.what()).find("/no/such/folder/vit_base_patch16_224.seed.safetensors"),
        std::string::npos);
    EXPECT_NE(std::string(error.what()).find("vit-convert"), std::string::npos);
  }
  unsetenv("VIT_WEIGHTS_DIR");
}

}  // namespace
}  // namespace vit::model
