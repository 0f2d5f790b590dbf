// A layer that cannot be made is a DataError that names the field: no division by zero, no raw
// message of LibTorch's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vit/core/error.h"
#include "vit/nn/attention.h"
#include "vit/nn/attention_pool.h"
#include "vit/nn/block.h"
#include "vit/nn/block_kinds.h"
#include "vit/nn/diff_attention.h"
#include "vit/nn/drop_path.h"
#include "vit/nn/dropout.h"
#include "vit/nn/layer_norm.h"
#include "vit/nn/linear.h"
#include "vit/nn/norm.h"
#include "vit/nn/patch_dropout.h"
#include "vit/nn/patch_embed.h"
#include "vit/nn/rms_norm.h"

namespace vit::nn {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

auto names(const char* field) { return ThrowsMessage<DataError>(HasSubstr(field)); }

TEST(LayerChecks, PatchEmbedNeedsPatchesThatFitTheImage) {
  for (const Size2d patch : {Size2d{0, 16}, Size2d{16, 0}, Size2d{-4, 16}})
    EXPECT_THAT([&] { PatchEmbed(PatchEmbedOptions().patch_size(patch)); }, names("patch_size"));
  EXPECT_THAT([] { PatchEmbed(PatchEmbedOptions().img_size({0, 224})); }, names("img_size"));
  EXPECT_THAT([] { PatchEmbed(PatchEmbedOptions().img_size({224, 8})); }, names("img_size"));
  EXPECT_THAT([] { PatchEmbed(PatchEmbedOptions().in_c(0)); }, names("in_c"));
  EXPECT_THAT([] { PatchEmbed(PatchEmbedOptions().embed_dim(-1)); }, names("embed_dim"));
}

TEST(LayerChecks, EveryKindOfBlockNeedsHeadsThatDivideItsWidth) {
  const auto norm = norm_factory("layernorm", 1e-6);
  for (const std::string kind : {"Block", "ResPostBlock", "ParallelScalingBlock",
                                 "ParallelThingsBlock", "DiffParallelScalingBlock"})
    for (const std::int64_t heads : {0, -1, 5})
      EXPECT_THAT([&] { make_block(kind, BlockOptions(12, heads), norm, {}, at::kCPU); },
                  names("num_heads"))
          << kind << " " << heads;
}

TEST(LayerChecks, EveryKindOfAttentionNeedsHeadsThatDivideItsWidth) {
  for (const std::int64_t heads : {0, -3, 5}) {
    EXPECT_THAT([&] { Attention(AttentionOptions(12).num_heads(heads)); }, names("num_heads"));
    EXPECT_THAT([&] { DiffAttentionImpl(AttentionOptions(12).num_heads(heads)); },
                names("num_heads"));
    EXPECT_THAT([&] { AttentionPoolPrrImpl(AttentionPoolOptions(12, heads), true); },
                names("num_heads"));
  }
  EXPECT_THAT([] { Attention(AttentionOptions(0)); }, names("dim"));
}

TEST(LayerChecks, SizesAreNotNegative) {
  EXPECT_THAT([] { Linear(LinearOptions(-1, 3)); }, names("in_features"));
  EXPECT_THAT([] { Linear(LinearOptions(3, -1)); }, names("out_features"));
  EXPECT_THAT([] { LayerNormImpl(LayerNormOptions(0)); }, names("dim"));
  EXPECT_THAT([] { RmsNormImpl(RmsNormOptions(-2)); }, names("dim"));
}

TEST(LayerChecks, ProbabilitiesLieBetweenZeroAndOne) {
  for (const double p : {-0.1, 1.1, std::nan("")}) {
    EXPECT_THAT([&] { DropoutImpl layer(p); }, names("p from 0 to 1"));
    EXPECT_THAT([&] { DropPathImpl layer(p); }, names("drop_prob"));
    EXPECT_THAT([&] { PatchDropoutImpl(p, 1); }, names("prob"));
  }
}

}  // namespace
}  // namespace vit::nn
