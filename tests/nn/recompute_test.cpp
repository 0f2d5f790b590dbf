#include "vit/nn/recompute.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <array>

#include "vit/nn/activation.h"
#include "vit/nn/block_kinds.h"
#include "vit/nn/norm.h"
#include "vit/nn/random_layer.h"
#include "vit/runtime/autocast.h"
#include "vit/runtime/generator.h"

namespace vit::nn {
namespace {

/// With everything that draws random numbers.
LayerPtr make_random_block(const std::string& kind, std::optional<at::Generator> generator) {
  const auto options = BlockOptions(12, 3)
                           .drop_ratio(0.2)
                           .drop_path_ratio(0.3)
                           .attn_drop_rate(0.1)
                           .qkv_bias(true)
                           .init_values(0.5);
  LayerPtr block =
      make_block(kind, options, norm_factory("layernorm", 1e-6), make_activation("gelu"), {});
  const at::NoGradGuard no_grad;
  const auto drawn = runtime::make_generator(3);
  for (auto& parameter : block->parameters()) parameter.normal_(0.1, 0.5, drawn);
  set_generator(*block, generator);
  return block;
}

struct Pass {
  std::vector<at::Tensor> values;  // output, gradient of the input, of each parameter
  at::Tensor generator;            // afterwards
};

/// Two layers one after the other, so that the second one's numbers follow on the first one's.
/// `within`: the backward pass is in the scope of the autocast, too.
Pass run(const std::string& kind, bool again, std::optional<at::ScalarType> autocast,
         bool within = false) {
  const auto generator = runtime::make_generator(7);
  const std::array blocks{make_random_block(kind, generator), make_random_block(kind, generator)};
  const auto x =
      at::randn({4, 5, 12}, runtime::make_generator(9), at::TensorOptions()).requires_grad_(true);
  at::Tensor out;
  {
    const runtime::Autocast scope(autocast, c10::kCPU);
    out = x;
    for (const auto& block : blocks) out = again ? recomputed(block, out) : block->forward(out);
    if (within) out.sum().backward();
  }
  if (!within) out.sum().backward();
  Pass pass{{out.detach(), x.grad()}, runtime::generator_state(generator)};
  for (const auto& block : blocks)
    for (const auto& parameter : block->parameters()) pass.values.push_back(parameter.grad());
  return pass;
}

void expect_same(const Pass& plain, const Pass& again, const std::string& kind) {
  ASSERT_EQ(plain.values.size(), again.values.size());
  for (std::size_t i = 0; i < plain.values.size(); ++i) {
    ASSERT_EQ(plain.values[i].defined(), again.values[i].defined()) << kind << " " << i;
    const bool same = !plain.values[i].defined() || at::equal(plain.values[i], again.values[i]);
    EXPECT_TRUE(same) << kind << " " << i;
  }
  EXPECT_TRUE(at::equal(plain.generator, again.generator)) << kind;
}

TEST(Recomputed, GivesTheSameBitsAndLeavesTheGeneratorWhereItWas) {
  for (const std::string kind : {"Block", "ResPostBlock", "ParallelScalingBlock",
                                 "DiffParallelScalingBlock", "ParallelThingsBlock"})
    for (const auto autocast : {std::optional<at::ScalarType>(), std::optional(at::kBFloat16)})
      expect_same(run(kind, false, autocast), run(kind, true, autocast), kind);
}

TEST(Recomputed, GivesTheSameBitsWhereTheBackwardPassIsInTheScopeOfTheAutocast) {
  for (const std::string kind : {"Block", "ParallelScalingBlock"})
    expect_same(run(kind, false, at::kBFloat16, true), run(kind, true, at::kBFloat16, true), kind);
}

TEST(Recomputed, DrawsTheSameNumbersFromLibTorchsOwnGenerator) {
  const auto block = make_random_block("Block", std::nullopt);
  std::vector<at::Tensor> gradients, states;
  for (const bool again : {false, true}) {
    auto generator = at::globalContext().defaultGenerator(c10::kCPU);
    generator.set_current_seed(11);
    const auto x = at::ones({4, 5, 12}).requires_grad_(true);
    (again ? recomputed(block, x) : block->forward(x)).sum().backward();
    gradients.push_back(x.grad());
    states.push_back(runtime::generator_state(generator));
  }
  EXPECT_TRUE(at::equal(gradients[0], gradients[1]));
  EXPECT_TRUE(at::equal(states[0], states[1]));
}

/// A layer that counts how often it runs.
class CountingImpl : public Layer {
 public:
  CountingImpl() { weight = register_parameter("weight", at::full({3}, 2.0)); }
  torch::Tensor forward(const torch::Tensor& x) override {
    ++runs;
    return x * weight;
  }
  torch::Tensor weight;
  int runs = 0;
};

TEST(Recomputed, RunsTheLayerOnceWhereNothingIsToBeGainedByASecondTime) {
  const auto layer = std::make_shared<CountingImpl>();
  const auto x = at::ones({2, 3});
  recomputed(layer, x).sum().backward();  // nothing before it is trained
  EXPECT_EQ(layer->runs, 1);
  EXPECT_TRUE(at::equal(layer->weight.grad(), at::full({3}, 2.0)));
  const auto trained = at::ones({2, 3}).requires_grad_(true);
  {
    const at::NoGradGuard no_grad;
    recomputed(layer, trained);
  }
  EXPECT_EQ(layer->runs, 2);
  recomputed(layer, trained).sum().backward();
  EXPECT_EQ(layer->runs, 4);
}

}  // namespace
}  // namespace vit::nn
