// The model against timm, on golden files made by tests/golden/make_timm_layers.py.
#include <gtest/gtest.h>

#include <cstdlib>

#include "model/golden.h"
#include "vit/core/error.h"
#include "vit/model/vision_transformer.h"

namespace vit::model {
namespace {

using testing::Golden;
using testing::relative_difference;

/// float64 leaves about 1e-15 a step. What timm computes in float32 even then (the rate of
/// differential attention, a resampled position embedding) leaves 6e-8 a step, on another machine.
double tolerance(const VisionTransformerOptions& options) {
  const bool has_float32 = options.attn_layer() == "diff" || options.dynamic_img_size() ||
                           options.block_fn() == "DiffParallelScalingBlock";
  return has_float32 ? 1e-6 : 1e-12;
}

/// Another folder of such files: tests/golden/make_timm_layers.py --architectures.
std::string folder() {
  const char* other = std::getenv("VIT_TIMM_LAYERS");
  return other != nullptr ? other : "timm_layers";
}

class TimmGolden : public ::testing::TestWithParam<std::string> {
 protected:
  TimmGolden() : golden_(testing::read_golden(GetParam())) {
    fields_from_json(options_, golden_.config, GetParam());
  }

  void expect_gradient(const std::string& name, const torch::Tensor& found, double bound) {
    const auto& expected = golden_["grad." + name];
    // Where the output does not depend on a parameter (a norm's bias on keys cancels in the
    // softmax), both gradients are zero or rounding, of about 1e-16 of the cotangent's size.
    if (expected.abs().max().item<double>() < 1e-12) {
      EXPECT_TRUE(!found.defined() || found.abs().max().item<double>() < 1e-12) << name;
    } else {
      EXPECT_LE(relative_difference(found, expected), bound) << name;
    }
  }

  Golden golden_;
  VisionTransformerOptions options_;
};

TEST_P(TimmGolden, EvalOutputAndEveryBlocksOutputAreEqual) {
  const torch::NoGradGuard no_grad;
  const auto bound = tolerance(options_);
  auto model = testing::build_golden_model(golden_, options_);
  model->eval();
  const auto& input = golden_["input"];
  EXPECT_LE(relative_difference(model->forward(input).logits, golden_["output"]), bound);
  auto tokens = model->embed(input);
  for (std::int64_t i = 0; i < options_.depth(); ++i) {
    tokens = model->block->at<nn::Layer>(i).forward(tokens);
    EXPECT_LE(relative_difference(tokens, golden_["block." + std::to_string(i)]), bound) << i;
  }
  tokens = model->norm->forward(tokens);
  EXPECT_LE(relative_difference(tokens, golden_["norm"]), bound);
  EXPECT_LE(relative_difference(model->pool(tokens), golden_["pooled"]), bound);
}

TEST_P(TimmGolden, TrainingOutputsAndEveryGradientAreEqual) {
  const auto bound = tolerance(options_);
  for (const bool fused : {true, false}) {
    options_.fused_attn(fused);
    auto model = testing::build_golden_model(golden_, options_);
    testing::switch_random_parts_off(*model);
    const auto output = model->forward(golden_["input"]);
    EXPECT_LE(relative_difference(output.logits, golden_["train.output"]), bound);
    auto loss = (output.logits * golden_["cotangent"]).sum();
    if (options_.distilled()) {
      EXPECT_LE(relative_difference(output.dist_logits, golden_["train.dist_output"]), bound);
      loss = loss + (output.dist_logits * golden_["dist_cotangent"]).sum();
    }
    loss.backward();
    for (const auto& [name, tensor] : state_dict(*model))
      expect_gradient(name, tensor.grad(), bound);
  }
}

TEST_P(TimmGolden, BuildsAndRunsOnTheMetaDevice) {
  const torch::NoGradGuard no_grad;
  VisionTransformer model(options_, at::kMeta);
  model->eval();
  const auto output = model->forward(golden_["input"].to(at::kFloat).to(at::kMeta));
  EXPECT_EQ(output.logits.sizes(), golden_["output"].sizes());
}

TEST_P(TimmGolden, InitialisesEveryParameter) {
  VisionTransformer model(options_, torch::TensorOptions(), VisionTransformerLayers(), false);
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_dict(*model)) tensor.fill_(-12345.0);
  init_vit_weights(*model, at::globalContext().defaultGenerator(at::kCPU));
  for (auto& [name, tensor] : state_dict(*model))
    EXPECT_FALSE(tensor.eq(-12345.0).any().item<bool>()) << name;
}

INSTANTIATE_TEST_SUITE_P(Files, TimmGolden, ::testing::ValuesIn(testing::golden_names(folder())),
                         [](const auto& param) {
                           return param.param.substr(param.param.rfind('/') + 1);
                         });

VisionTransformerOptions one_block() { return testing::small_options(1); }

TEST(VisionTransformer, RefusesWhatContradictsItself) {
  EXPECT_THROW(VisionTransformer(one_block().class_token(false)), DataError);
  EXPECT_THROW(VisionTransformer(one_block().global_pool("median")), DataError);
  EXPECT_THROW(VisionTransformer(one_block().distilled(true).global_pool("avg")), DataError);
  EXPECT_THROW(VisionTransformer(one_block().distilled(true).reg_tokens(1)), DataError);
  EXPECT_THROW(VisionTransformer(one_block().pos_embed("rope")), DataError);
}

TEST(VisionTransformer, NamesTheKindsThatThereAreWhenAnUnknownOneIsAskedFor) {
  const auto message = [](const VisionTransformerOptions& options) -> std::string {
    try {
      VisionTransformer model(options);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(one_block().norm_layer("batchnorm")),
            "vision_transformer: 'norm_layer': expected layernorm or rmsnorm, found 'batchnorm'");
  EXPECT_EQ(message(one_block().mlp_layer("kan")),
            "vision_transformer: 'mlp_layer': expected mlp, glumlp, swiglu_packed or swiglu, found "
            "'kan'");
  EXPECT_NE(message(one_block().act_layer("step")).find("quick_gelu"), std::string::npos);
  EXPECT_NE(message(one_block().block_fn("Mamba")).find("ResPostBlock"), std::string::npos);
  EXPECT_NE(message(one_block().attn_layer("rope")).find("diff"), std::string::npos);
}

TEST(VisionTransformer, HasEveryKindThatTheOptionsName) {
  auto options = one_block();
  visit(options, [](const char* name, auto& field, const Field& about = {}) {
    if constexpr (std::is_assignable_v<decltype(field), std::string>) {
      if (!std::string_view(name).ends_with("_layer") && std::string_view(name) != "block_fn")
        return;
      ASSERT_FALSE(about.names.empty()) << name;
      for (const auto& kind : about.names) {
        auto made = one_block();
        fields_from_json(made, Json{{name, kind}}, name);
        EXPECT_NO_THROW(VisionTransformer(made, at::kMeta)) << name << ' ' << kind;
      }
    }
  });
}

TEST(VisionTransformer, TimmsAttnDropRateActsOnTheWeights) {
  const torch::NoGradGuard no_grad;
  const auto x = at::randn({2, 3, 8, 8});
  VisionTransformer seed(one_block().attn_drop_ratio(0.5)), timm(one_block().attn_drop_rate(0.5));
  EXPECT_TRUE(at::equal(seed->forward(x).logits, seed->forward(x).logits));
  EXPECT_FALSE(at::equal(timm->forward(x).logits, timm->forward(x).logits));
}

TEST(VisionTransformer, PatchDropRateLeavesPatchesOutAndKeepsThePrefix) {
  const torch::NoGradGuard no_grad;
  VisionTransformer model(one_block().patch_drop_rate(0.5).reg_tokens(2));
  const auto x = at::randn({2, 3, 8, 8});
  const auto kept = model->embed(x);
  EXPECT_EQ(kept.sizes(), (std::vector<std::int64_t>{2, 1 + 2 + 2, 12}));
  model->eval();
  const auto all = model->embed(x);
  EXPECT_EQ(all.size(1), 1 + 2 + 4);
  EXPECT_TRUE(at::equal(kept.slice(1, 0, 3), all.slice(1, 0, 3)));
}

TEST(VisionTransformer, ADynamicModelRefusesAnImageOfBrokenPatches) {
  VisionTransformer model(one_block().dynamic_img_size(true));
  EXPECT_THROW(model->forward(at::zeros({1, 3, 8, 10})), DataError);
  EXPECT_EQ(model->forward(at::zeros({1, 3, 8, 12})).logits.size(1), 5);
}

}  // namespace
}  // namespace vit::model
