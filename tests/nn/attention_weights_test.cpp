// Each kind of block tells the weights that it multiplies its values with: with the MLP silenced,
// what the block adds to its input is those weights times the values, projected.
#include <gtest/gtest.h>

#include "vit/nn/activation.h"
#include "vit/nn/diff_attention.h"
#include "vit/nn/layer_norm.h"
#include "vit/nn/parallel_scaling_block.h"
#include "vit/nn/parallel_things_block.h"
#include "vit/nn/res_post_block.h"

namespace vit::nn {
namespace {

constexpr std::int64_t kDim = 24, kHeads = 3, kTokens = 7, kBatch = 2;

BlockOptions options() { return BlockOptions(kDim, kHeads).qkv_bias(true).qk_norm(true); }

/// Parameters at random, those of a part named `silent` at zero.
void draw(torch::nn::Module& module, const std::string& silent) {
  for (auto& item : module.named_parameters()) {
    item.value().normal_(0.1, 0.5);
    if (item.key().find(silent) != std::string::npos) item.value().zero_();
  }
}

torch::Tensor input() { return at::randn({kBatch, kTokens, kDim}); }

/// weights: [B, heads, N, N], v: [B, N, dim] → [B, heads, N, head_dim].
torch::Tensor weighted(const torch::Tensor& weights, const torch::Tensor& v) {
  return weights.matmul(v.reshape({kBatch, kTokens, kHeads, -1}).transpose(1, 2));
}

torch::Tensor joined(const torch::Tensor& heads) {
  return heads.transpose(1, 2).reshape({kBatch, kTokens, kDim});
}

/// Sums in another order, in float32: a few roundings.
void expect_close(const torch::Tensor& found, const torch::Tensor& expected) {
  EXPECT_LE((found - expected).abs().max().item<double>(),
            1e-5 * expected.abs().max().item<double>());
}

/// What a plain attention gives for x, from its own weights.
torch::Tensor by_weights(AttentionImpl& attn, const torch::Tensor& weights,
                         const torch::Tensor& x) {
  return attn.proj(joined(weighted(weights, attn.qkv(x).chunk(3, 2)[2])));
}

TEST(AttentionWeights, OfABlock) {
  const torch::NoGradGuard no_grad;
  Block block(options(), layer_norm_factory(1e-6));
  draw(*block, "mlp");
  const auto x = input();
  auto& attn = dynamic_cast<AttentionImpl&>(*block->attn);
  expect_close(block(x) - x,
               by_weights(attn, block->attention_weights(x), block->norm1->forward(x)));
}

TEST(AttentionWeights, OfABlockThatNormsAfterwards) {
  const torch::NoGradGuard no_grad;
  ResPostBlock block(options(), layer_norm_factory(1e-6), std::make_shared<GeluImpl>());
  draw(*block, "norm2");
  const auto x = input();
  auto& attn = dynamic_cast<AttentionImpl&>(*block->attn);
  expect_close(block(x) - x,
               block->norm1->forward(by_weights(attn, block->attention_weights(x), x)));
}

TEST(AttentionWeights, OfParallelThingsAreEveryBranchs) {
  const torch::NoGradGuard no_grad;
  ParallelThingsBlock block(options(), layer_norm_factory(1e-6), std::make_shared<GeluImpl>());
  draw(*block, "ffns");
  const auto x = input();
  const auto weights = block->attention_weights(x);
  ASSERT_EQ(weights.size(1), 2 * kHeads);
  auto expected = at::zeros_like(x);
  for (std::int64_t i = 0; i < 2; ++i) {
    auto& branch = block->attns->at<ParallelBranchImpl>(static_cast<std::size_t>(i));
    expected += by_weights(dynamic_cast<AttentionImpl&>(*branch.layer),
                           weights.narrow(1, i * kHeads, kHeads), branch.norm->forward(x));
  }
  expect_close(block(x) - x, expected);
}

TEST(AttentionWeights, OfAParallelScalingBlock) {
  const torch::NoGradGuard no_grad;
  ParallelScalingBlock block(options(), layer_norm_factory(1e-6), std::make_shared<GeluImpl>());
  draw(*block, "mlp_out_proj");
  const auto x = input();
  const auto v = block->in_proj(block->in_norm->forward(x)).slice(2, -kDim);
  expect_close(block(x) - x,
               block->attn_out_proj(joined(weighted(block->attention_weights(x), v))));
}

TEST(AttentionWeights, OfADifferentialParallelScalingBlock) {
  const torch::NoGradGuard no_grad;
  DiffParallelScalingBlock block(options(), layer_norm_factory(1e-6), std::make_shared<GeluImpl>());
  draw(*block, "nothing");
  const auto x = input();
  const auto weights = block->attention_weights(x);
  block->out_proj->weight.slice(1, kDim).zero_();  // the MLP's part
  const auto v = block->in_proj(block->in_norm->forward(x)).slice(2, -kDim);
  const auto heads = block->sub_norm(weighted(weights, v)) * (1.0 - block->lambda.init());
  const auto padded = at::constant_pad_nd(joined(heads), {0, block->options.mlp_hidden()});
  expect_close(block(x) - x, block->out_proj(padded));
}

TEST(AttentionWeights, OfDifferentialAttention) {
  const torch::NoGradGuard no_grad;
  DiffAttention attention(AttentionOptions(kDim).num_heads(kHeads).qkv_bias(true));
  draw(*attention, "nothing");
  const auto x = input();
  const auto heads = attention->sub_norm(weighted(attention->attention_weights(x),
                                                  attention->qkv(x).chunk(3, 2)[2])) *
                     (1.0 - attention->lambda.init());
  expect_close(attention(x), attention->proj(joined(heads)));
}

}  // namespace
}  // namespace vit::nn
