#include <gtest/gtest.h>

#include "vit/core/error.h"
#include "vit/nn/attention.h"
#include "vit/nn/block.h"
#include "vit/nn/drop_path.h"
#include "vit/nn/dropout.h"
#include "vit/nn/identity.h"
#include "vit/nn/init.h"
#include "vit/nn/layer_norm.h"
#include "vit/nn/patch_embed.h"
#include "vit/runtime/generator.h"

namespace vit::nn {
namespace {

/// A layer's parameters at random, so that each matters.
template <class Module>
Module drawn(Module module) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : module->parameters()) parameter.normal_(0.1, 0.5);
  return module;
}

TEST(Attention, FusedEqualsExplicitToAMillionth) {
  const torch::NoGradGuard no_grad;
  auto attention = drawn(Attention(AttentionOptions(24).num_heads(4).qkv_bias(true).qk_scale(0.3)));
  const auto x = at::randn({3, 50, 24});
  const auto fused = attention(x);
  attention->options.fused(false);
  const auto expected = attention(x);
  EXPECT_LE((fused - expected).abs().max().item<double>(),
            1e-6 * expected.abs().max().item<double>());
}

TEST(Attention, AppliesNoDropoutToTheWeights) {
  for (const bool fused : {true, false}) {
    auto attention =
        drawn(Attention(AttentionOptions(12).num_heads(3).attn_drop_ratio(0.9).fused(fused)));
    EXPECT_EQ(attention->attn_drop->p, 0.9);
    const auto x = at::randn({2, 5, 12});
    attention->train();
    const auto training = attention(x);
    attention->eval();
    EXPECT_TRUE(at::equal(training, attention(x)));
  }
}

TEST(Attention, AScaleOfZeroMeansTheDefault) {
  EXPECT_EQ(Attention(AttentionOptions(12).num_heads(3).qk_scale(0.0))->scale, 0.5);
  EXPECT_EQ(Attention(AttentionOptions(12).num_heads(3))->scale, 0.5);
  EXPECT_EQ(Attention(AttentionOptions(12).num_heads(3).qk_scale(0.25))->scale, 0.25);
}

TEST(Attention, TheProjectionsBiasFollowsTheOneOfQkv) {
  EXPECT_FALSE(Attention(AttentionOptions(12).num_heads(3))->proj->bias.defined());
  EXPECT_TRUE(Attention(AttentionOptions(12).num_heads(3).qkv_bias(true))->proj->bias.defined());
  EXPECT_TRUE(Attention(AttentionOptions(12).num_heads(3).proj_bias(true))->proj->bias.defined());
}

TEST(Attention, RefusesHeadsThatDoNotDivideTheWidth) {
  EXPECT_THROW(Attention(AttentionOptions(12).num_heads(5)), DataError);
  EXPECT_THROW(Attention(AttentionOptions(12).num_heads(0)), DataError);
}

TEST(PatchEmbed, RefusesAnotherImageSizeNamingBoth) {
  PatchEmbed embed(PatchEmbedOptions().img_size({8, 12}).patch_size({4, 4}).embed_dim(6));
  try {
    embed(at::zeros({1, 3, 8, 8}));
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("8 x 12"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("8 x 8"), std::string::npos) << error.what();
  }
  EXPECT_THROW(embed(at::zeros({1, 1, 8, 12})), DataError);
}

TEST(PatchEmbed, WithoutANormLayerItsNormIsIdentity) {
  PatchEmbed embed(PatchEmbedOptions().img_size({8, 8}).patch_size({4, 4}).embed_dim(6));
  EXPECT_TRUE(dynamic_cast<IdentityImpl*>(embed->norm.get()) != nullptr);
}

TEST(Block, HandsDropPathRatioToTheProjectionsDropout) {
  Block block(BlockOptions(12, 3).drop_ratio(0.1).drop_path_ratio(0.3));
  EXPECT_EQ(dynamic_cast<AttentionImpl&>(*block->attn).proj_drop->p, 0.3);
  EXPECT_EQ(dynamic_cast<MlpImpl&>(*block->mlp).drop->p, 0.1);
}

TEST(Mlp, CutsTheFractionOfItsWidthOff) {
  EXPECT_EQ(BlockOptions(12, 3).mlp_ratio(2.3).mlp_hidden(), 27);
}

TEST(Dropout, ZeroesWithItsProbabilityAndKeepsTheMean) {
  Dropout dropout(0.25);
  dropout->generator = runtime::make_generator(1);
  const auto y = dropout(at::ones({100'000}));
  // Five standard deviations of a binomial: sqrt(.25 · .75 / 1e5) = .00137.
  EXPECT_NEAR(y.eq(0).to(at::kDouble).mean().item<double>(), 0.25, 0.007);
  EXPECT_TRUE(at::logical_or(y.eq(0), y.eq(at::ones({}).div(0.75))).all().item<bool>());
  dropout->eval();
  EXPECT_TRUE(dropout(at::ones({10})).eq(1).all().item<bool>());
  EXPECT_TRUE(Dropout(1.0)(at::ones({10})).eq(0).all().item<bool>());
}

TEST(DropPath, DropsWholeSamplesAndKeepsTheMean) {
  DropPath drop_path(0.4);
  drop_path->generator = runtime::make_generator(1);
  const auto y = drop_path(at::ones({50'000, 2, 3})).reshape({50'000, 6});
  EXPECT_TRUE(y.eq(y.slice(1, 0, 1)).all().item<bool>());
  // Five standard deviations of a binomial: sqrt(.4 · .6 / 5e4) = .0022.
  EXPECT_NEAR(y.select(1, 0).eq(0).to(at::kDouble).mean().item<double>(), 0.4, 0.011);
  EXPECT_NEAR(y.max().item<double>(), 1 / 0.6, 1e-6);
  drop_path->eval();
  EXPECT_TRUE(drop_path(at::ones({4, 2})).eq(1).all().item<bool>());
}

TEST(SetGenerator, MakesTrainingPassesRepeatable) {
  auto block = drawn(Block(BlockOptions(12, 3).drop_ratio(0.5).drop_path_ratio(0.5)));
  const auto x = at::randn({8, 5, 12});
  const auto run = [&](std::uint64_t seed) {
    set_generator(*block, runtime::make_generator(seed));
    return block(x);
  };
  const auto first = run(1);
  EXPECT_FALSE(at::equal(first, run(2)));
  EXPECT_TRUE(at::equal(first, run(1)));
  set_generator(*block, std::nullopt);
  EXPECT_FALSE(dynamic_cast<MlpImpl&>(*block->mlp).drop->generator.has_value());
}

TEST(TruncNormal, IsCutAtTwoAndNotAtTwoStandardDeviations) {
  const auto wide = at::empty({20'000}), narrow = at::empty({20'000});
  trunc_normal_(wide, 2.0, runtime::make_generator(1));
  EXPECT_LE(wide.abs().max().item<double>(), 2.0);
  // Normal cut at one standard deviation: std .54 · 2.
  EXPECT_NEAR(wide.std().item<double>(), 1.08, 0.02);
  trunc_normal_(narrow, 0.02, runtime::make_generator(1));
  EXPECT_GT(narrow.abs().max().item<double>(), 0.06);
}

}  // namespace
}  // namespace vit::nn
