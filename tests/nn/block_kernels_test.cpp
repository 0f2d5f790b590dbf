// A block by our own kernels against the same block by LibTorch's operators, in float64 where the
// oracle can be.
#include "vit/nn/block_kernels.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "vit/nn/activation.h"
#include "vit/nn/block.h"
#include "vit/nn/norm.h"
#include "vit/nn/random_layer.h"
#include "vit/runtime/autocast.h"
#include "vit/runtime/generator.h"

namespace vit::nn {
namespace {

struct Case {
  std::int64_t images, tokens, dim, heads;
  double mlp_ratio;
  bool qkv_bias = true;
};

BlockOptions options_of(const Case& c) {
  return BlockOptions(c.dim, c.heads).mlp_ratio(c.mlp_ratio).qkv_bias(c.qkv_bias);
}

/// Weights of the size that they have in a trained model.
Block drawn_block(const BlockOptions& options) {
  Block block(options);
  const torch::NoGradGuard no_grad;
  for (auto& item : block->named_parameters()) {
    const bool gain = item.key().starts_with("norm") && item.key().ends_with("weight");
    item.value().normal_(gain ? 1.0 : 0.0, item.value().dim() == 2 ? 0.08 : 0.1);
  }
  return block;
}

/// What a pass gives: the output, the gradient of x, and those of all parameters.
using Results = std::vector<std::pair<std::string, at::Tensor>>;

Results results_of(Block& block, const at::Tensor& x, const at::Tensor& dout) {
  block->zero_grad();
  auto input = x.detach().clone().requires_grad_();
  const auto out = block->forward(input);
  (out * dout.to(out.scalar_type())).sum().backward();
  Results results{{"out", out.detach()}, {"x", input.grad()}};
  for (const auto& item : block->named_parameters())
    results.emplace_back(item.key(), item.value().grad().clone());
  return results;
}

/// The same block in float64, by LibTorch's operators.
Block in_float64(const Block& block) {
  Block copy(block->options);
  copy->to(at::kDouble);
  const torch::NoGradGuard no_grad;
  const auto from = block->named_parameters();
  for (auto& item : copy->named_parameters()) item.value().copy_(from[item.key()]);
  return copy;
}

/// Largest difference over the largest value, but for the keys' bias, whose gradient is nothing but
/// rounding: there over that of all of qkv's.
void expect_near(const Results& found, const Results& expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& [name, value] = found[i];
    const auto& wanted = expected[i].second;
    ASSERT_EQ(value.sizes(), wanted.sizes()) << name;
    const double error = (value.to(at::kDouble) - wanted).abs().max().item<double>();
    EXPECT_LE(error, tolerance * wanted.abs().max().item<double>()) << name;
  }
}

const Case kCases[] = {
    {3, 5, 32, 2, 2.0}, {2, 50, 64, 2, 2.0}, {2, 197, 48, 1, 4.0}, {5, 17, 64, 4, 3.0, false}};

/// A block with inputs, and what LibTorch's operators make of them in float64.
struct Sample {
  explicit Sample(const Case& c)
      : block(drawn_block(options_of(c))),
        x(at::randn({c.images, c.tokens, c.dim})),
        dout(at::randn_like(x)) {
    auto oracle = in_float64(block);
    expected = results_of(oracle, x.to(at::kDouble), dout);
  }

  Results results() { return results_of(block, x, dout); }
  Results results_in_bf16() {
    const runtime::Autocast scope(at::kBFloat16, c10::kCPU);
    return results();
  }

  Block block;
  at::Tensor x, dout;
  Results expected;
};

TEST(BlockKernels, GiveTheBlockAndItsGradientsOnEveryLevel) {
  for (const auto& c : kCases) {
    Sample sample(c);
    for (const auto isa : supported_isas()) {
      SCOPED_TRACE(std::string(isa_name(isa)) + ", " + std::to_string(c.tokens) + " tokens");
      const auto kernels = std::make_shared<BlockKernels>(isa);
      ASSERT_TRUE(kernels->forward(*sample.block, sample.x).defined());
      set_block_kernels(*sample.block, kernels);
      // Sums of up to a thousand products in float32.
      expect_near(sample.results(), sample.expected, 2e-6 * 4);
    }
  }
}

TEST(BlockKernels, MakeProductsOfThreeOfBfloat16) {
  if (detect_isa() < Isa::kAmx) GTEST_SKIP() << "no AMX";
  for (const auto& c : kCases) {
    Sample sample(c);
    set_block_kernels(*sample.block,
                      std::make_shared<BlockKernels>(Isa::kAmx, MatmulPrecision::kHigh));
    // A pair of bfloat16 has 16 bits: each product's error is 2^-16 of it, TF32's 2^-11.
    expect_near(sample.results(), sample.expected, 6e-5);
  }
}

TEST(BlockKernels, FollowAutocastToBfloat16AsPreciselyAsLibTorch) {
  constexpr int kSamples = 8;  // one sample's errors are a matter of chance
  for (const auto& c : kCases) {
    // By level and result: the squared errors of all samples, ours and LibTorch's.
    std::map<std::pair<Isa, std::string>, std::pair<double, double>> errors;
    for (int i = 0; i < kSamples; ++i) {
      Sample sample(c);
      const auto libtorch = sample.results_in_bf16();
      for (const auto isa : supported_isas()) {
        if (isa < Isa::kBf16) continue;
        set_block_kernels(*sample.block, std::make_shared<BlockKernels>(isa));
        const auto found = sample.results_in_bf16();
        for (std::size_t r = 0; r < found.size(); ++r) {
          const auto squared = [&](const at::Tensor& other) {
            return (other.to(at::kDouble) - sample.expected[r].second).pow(2).sum().item<double>();
          };
          auto& [ours, theirs] = errors[{isa, found[r].first}];
          ours += squared(found[r].second);
          theirs += squared(libtorch[r].second);
        }
        set_block_kernels(*sample.block, nullptr);
      }
    }
    // Both round operands to bfloat16; LibTorch rounds results too.
    for (const auto& [of, squared] : errors)
      EXPECT_LE(std::sqrt(squared.first), 1.25 * std::sqrt(squared.second))
          << isa_name(of.first) << ", " << c.tokens << " tokens: " << of.second;
  }
}

TEST(BlockKernels, GiveTheSameBitsAgain) {
  auto block = drawn_block(options_of(kCases[1]));
  const auto x = at::randn({9, 50, 64}), dout = at::randn_like(x);
  set_block_kernels(*block, std::make_shared<BlockKernels>());
  const auto first = results_of(block, x, dout);
  set_block_kernels(*block, std::make_shared<BlockKernels>());
  const auto second = results_of(block, x, dout);
  for (std::size_t i = 0; i < first.size(); ++i)
    EXPECT_TRUE(at::equal(first[i].second, second[i].second)) << first[i].first;
}

TEST(BlockKernels, ShareABatchOfAnySizeAmongThreads) {
  auto block = drawn_block(options_of(kCases[0]));
  const int before = at::get_num_threads();
  for (const std::int64_t images : {1, 2, 7}) {
    const auto x = at::randn({images, 5, 32}), dout = at::randn_like(x);
    auto oracle = in_float64(block);
    const auto expected = results_of(oracle, x.to(at::kDouble), dout);
    set_block_kernels(*block, std::make_shared<BlockKernels>());
    for (const int threads : {1, 2, 3}) {
      at::set_num_threads(threads);
      expect_near(results_of(block, x, dout), expected, 8e-6);
    }
  }
  at::set_num_threads(before);
}

TEST(BlockKernels, DropPathsAsLibTorchDoes) {
  auto block = drawn_block(options_of(kCases[1]).drop_path_ratio(0.4).proj_drop_rate(0.0));
  block->train();
  const auto x = at::randn({16, 50, 64}), dout = at::randn_like(x);
  const auto run = [&] {
    set_generator(*block, runtime::make_generator(7));
    return results_of(block, x, dout);
  };
  const auto expected = run();
  set_block_kernels(*block, std::make_shared<BlockKernels>());
  // Both in float32.
  expect_near(run(), expected, 1.6e-5);
}

TEST(BlockKernels, GiveTheSameBitsWithoutGradients) {
  auto block = drawn_block(options_of(kCases[1]));
  set_block_kernels(*block, std::make_shared<BlockKernels>());
  const auto x = at::randn({3, 50, 64});
  const auto kept = block->forward(x);
  EXPECT_TRUE(kept.requires_grad());
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(block->forward(x), kept.detach()));
}

TEST(BlockKernels, LeaveWhatTheyLackToLibTorch) {
  const auto x = at::randn({2, 5, 32});
  BlockKernels kernels;
  const auto serve = [&](const BlockOptions& options, const NormFactory& norm = {},
                         const LayerPtr& act = nullptr) {
    Block block(options, norm, act);
    block->train();
    return kernels.forward(*block, x).defined();
  };
  const auto plain = BlockOptions(32, 2).drop_ratio(0.0);
  EXPECT_TRUE(serve(plain));
  EXPECT_FALSE(serve(BlockOptions(32, 4)));                  // heads of 8
  EXPECT_FALSE(serve(BlockOptions(32, 2).mlp_ratio(1.75)));  // 56 columns
  EXPECT_FALSE(serve(BlockOptions(32, 2).drop_ratio(0.1)));
  EXPECT_FALSE(serve(BlockOptions(32, 2).attn_drop_rate(0.1)));
  EXPECT_FALSE(serve(BlockOptions(32, 2).proj_drop_rate(0.1)));
  EXPECT_FALSE(serve(BlockOptions(32, 2).init_values(0.1)));
  EXPECT_FALSE(serve(BlockOptions(32, 2).qk_norm(true)));
  EXPECT_FALSE(serve(BlockOptions(32, 2).scale_attn_norm(true)));
  EXPECT_FALSE(serve(BlockOptions(32, 2).scale_mlp_norm(true)));
  EXPECT_FALSE(serve(BlockOptions(32, 2).mlp_layer("glumlp")));
  EXPECT_FALSE(serve(BlockOptions(32, 2).attn_layer("diff")));
  EXPECT_FALSE(serve(plain, norm_factory("rmsnorm", 1e-6)));
  EXPECT_FALSE(serve(plain, {}, make_activation("silu")));
  Block block(plain);
  EXPECT_FALSE(kernels.forward(*block, x.to(at::kDouble)).defined());
  EXPECT_FALSE(kernels.forward(*block, x.to(at::kMeta)).defined());
  block->to(at::kDouble);
  EXPECT_FALSE(kernels.forward(*block, x).defined());
  block->to(at::kFloat);
  dynamic_cast<AttentionImpl&>(*block->attn).qkv->update = [](const at::Tensor& t) { return t; };
  EXPECT_FALSE(kernels.forward(*block, x).defined());
}

}  // namespace
}  // namespace vit::nn
