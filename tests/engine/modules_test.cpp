// Every option against the LibTorch modules, two blocks deep, every parameter random.
#include "engine/modules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include "engine/ways.h"
#include "vit/config/registry.h"
#include "vit/core/error.h"
#include "vit/engine/packed_engine.h"
#include "vit/kernels/attention.h"

namespace vit::engine {
namespace {

using config::VisionTransformerOptions;

struct Variant {
  std::string name;
  std::function<void(VisionTransformerOptions&)> change;
};

VisionTransformerOptions base_options() {
  return VisionTransformerOptions()
      .img_size({32, 40})
      .patch_size({8, 8})
      .num_classes(11)
      .embed_dim(48)
      .depth(2)
      .num_heads(3)
      .patch_norm(false);
}

// Both sides round some 10^4 sums of float32; the modules differ from double by as much.
constexpr double kTolerance = 1e-5;

Want want_everything(const VisionTransformerOptions& options, AttentionMethod method) {
  Want want;
  want.features = {{FeatureKind::kMean},
                   {FeatureKind::kTokens},
                   {FeatureKind::kPooled},
                   {FeatureKind::kLayer, 0},
                   {FeatureKind::kLayer, options.depth() - 1}};
  if (options.class_token()) want.features.push_back({FeatureKind::kCls});
  want.attention = method;
  return want;
}

void expect_modules_output(const VisionTransformerOptions& options, const std::string& what) {
  const Modules modules(options);
  const Images images(options, 3);
  const auto last = want_everything(options, AttentionMethod::kLast);
  const auto expected = modules.run(images.all(), last);
  const Want rollout{.logits = false, .attention = AttentionMethod::kRollout};
  const auto expected_rollout = modules.run(images.all(), rollout);
  for (const auto isa : supported_isas()) {
    const PackedEngine engine(options, modules.weights(),
                              EngineOptions().isa(isa).threads(2).share_from(0));
    const auto where = format("{}, {}", what, isa_name(isa));
    Output alone, found;
    engine.run(images.all(), Want(), alone);
    EXPECT_LT(relative_error(alone.logits, expected.logits), kTolerance) << where;
    engine.run(images.all(), last, found);
    EXPECT_EQ(found.logits.data, alone.logits.data) << where;
    for (std::size_t i = 0; i < last.features.size(); ++i)
      EXPECT_LT(relative_error(found.features[i], expected.features[i]), kTolerance)
          << where << ", feature " << i;
    EXPECT_LT(relative_error(found.attention, expected.attention), kTolerance) << where;
    engine.run(images.all(), rollout, found);
    EXPECT_LT(relative_error(found.attention, expected_rollout.attention), kTolerance)
        << where << ", rollout";
  }
}

class EngineOptionsTest : public testing::TestWithParam<Variant> {};

TEST_P(EngineOptionsTest, GivesTheModulesOutput) {
  auto options = base_options();
  GetParam().change(options);
  expect_modules_output(options, GetParam().name);
}

using O = VisionTransformerOptions;

INSTANTIATE_TEST_SUITE_P(
    EngineAndModules, EngineOptionsTest,
    testing::ValuesIn(std::vector<Variant>{
        {"plain", [](O&) {}},
        {"seed", [](O& o) { o.patch_norm(true); }},
        {"patch_14",
         [](O& o) {
           o.img_size({28, 42}).patch_size({14, 14});
         }},
        {"oblong_patches",
         [](O& o) {
           o.patch_size({4, 8});
         }},
        {"one_channel", [](O& o) { o.in_c(1); }},
        {"one_block", [](O& o) { o.depth(1); }},
        {"odd_head_dim", [](O& o) { o.embed_dim(33); }},
        {"head_dim_72", [](O& o) { o.embed_dim(144).num_heads(2); }},
        {"odd_mlp_ratio", [](O& o) { o.mlp_ratio(2.57); }},
        {"headless", [](O& o) { o.num_classes(0); }},
        {"qk_scale", [](O& o) { o.qk_scale(0.3); }},
        {"no_qkv_bias", [](O& o) { o.qkv_bias(false); }},
        {"no_proj_bias", [](O& o) { o.proj_bias(false); }},
        {"avg", [](O& o) { o.global_pool("avg"); }},
        {"avgmax", [](O& o) { o.global_pool("avgmax"); }},
        {"max", [](O& o) { o.global_pool("max"); }},
        {"avg_with_prefix", [](O& o) { o.global_pool("avg").pool_include_prefix(true); }},
        {"avg_without_fc_norm", [](O& o) { o.global_pool("avg").fc_norm(false); }},
        {"token_with_fc_norm", [](O& o) { o.fc_norm(true); }},
        {"no_final_norm", [](O& o) { o.final_norm(false); }},
        {"no_class_token", [](O& o) { o.class_token(false).global_pool("avg"); }},
        {"no_embed_class", [](O& o) { o.no_embed_class(true).reg_tokens(4); }},
        {"register_tokens", [](O& o) { o.reg_tokens(4).global_pool("avg"); }},
        {"no_position_embedding", [](O& o) { o.pos_embed("none"); }},
        {"pre_norm", [](O& o) { o.pre_norm(true); }},
        {"embed_norm", [](O& o) { o.embed_norm_layer("rmsnorm").embed_norm_eps(1e-5); }},
        {"layer_scale", [](O& o) { o.init_values(0.1); }},
        {"layer_scale_avg", [](O& o) { o.init_values(0.1).global_pool("avg"); }},
        {"padded_images",
         [](O& o) {
           o.img_size({30, 37}).dynamic_img_size(true).dynamic_img_pad(true);
         }},
        {"rmsnorm", [](O& o) { o.norm_layer("rmsnorm").norm_eps(1e-5); }},
        {"qk_norm", [](O& o) { o.qk_norm(true); }},
        {"qk_norm_avg", [](O& o) { o.qk_norm(true).global_pool("avg"); }},
        {"scale_norms", [](O& o) { o.scale_attn_norm(true).scale_mlp_norm(true); }},
        {"scale_norms_avg",
         [](O& o) { o.scale_attn_norm(true).scale_mlp_norm(true).global_pool("avg"); }},
        {"gelu_tanh", [](O& o) { o.act_layer("gelu_tanh"); }},
        {"quick_gelu", [](O& o) { o.act_layer("quick_gelu"); }},
        {"silu", [](O& o) { o.act_layer("silu"); }},
        {"mish", [](O& o) { o.act_layer("mish"); }},
        {"swiglu", [](O& o) { o.mlp_layer("swiglu").act_layer("silu"); }},
        {"swiglu_scale_norm",
         [](O& o) { o.mlp_layer("swiglu").scale_mlp_norm(true).global_pool("avg"); }},
        {"swiglu_packed",
         [](O& o) { o.mlp_layer("swiglu_packed").act_layer("silu").mlp_ratio(5.375); }},
        {"glumlp", [](O& o) { o.mlp_layer("glumlp").global_pool("avg"); }},
        {"map", [](O& o) { o.global_pool("map").class_token(false); }},
        {"map_with_prefix",
         [](O& o) { o.global_pool("map").reg_tokens(1).pool_include_prefix(true); }},
        {"map_without_prefix", [](O& o) { o.global_pool("map").reg_tokens(1); }},
        {"prr", [](O& o) { o.global_pool("prr"); }},
        {"prr_mean", [](O& o) { o.global_pool("prr").class_token(false); }},
        {"no_pool", [](O& o) { o.global_pool(""); }},
        {"no_pool_headless", [](O& o) { o.global_pool("").num_classes(0); }},
        {"representation", [](O& o) { o.representation_size(20); }},
        {"representation_headless", [](O& o) { o.representation_size(20).num_classes(0); }},
        {"distilled_seed", [](O& o) { o.distilled(true); }},
        {"distilled_timm", [](O& o) { o.distilled(true).dist_head("timm"); }},
        {"distilled_timm_odd", [](O& o) { o.distilled(true).dist_head("timm").embed_dim(33); }},
        {"distilled_headless", [](O& o) { o.distilled(true).dist_head("timm").num_classes(0); }},
        {"res_post", [](O& o) { o.block_fn("ResPostBlock"); }},
        {"res_post_swiglu", [](O& o) { o.block_fn("ResPostBlock").mlp_layer("swiglu"); }},
        {"parallel_scaling", [](O& o) { o.block_fn("ParallelScalingBlock").init_values(0.1); }},
        {"parallel_scaling_without_bias",
         [](O& o) { o.block_fn("ParallelScalingBlock").qkv_bias(false).qk_norm(true); }},
        {"parallel_things", [](O& o) { o.block_fn("ParallelThingsBlock").init_values(0.1); }},
        {"diff", [](O& o) { o.attn_layer("diff"); }},
        {"diff_qk_norm_scale_norm",
         [](O& o) { o.attn_layer("diff").qk_norm(true).scale_attn_norm(true); }},
        {"diff_parallel_scaling", [](O& o) { o.block_fn("DiffParallelScalingBlock"); }},
    }),
    [](const testing::TestParamInfo<Variant>& variant) { return variant.param.name; });

TEST(EngineAndModules, AgreeForImagesOfOtherSizes) {
  auto options = base_options().dynamic_img_size(true).reg_tokens(2);
  for (const bool no_embed_class : {false, true}) {
    options.no_embed_class(no_embed_class);
    const Modules modules(options);
    const PackedEngine engine(options, modules.weights(), EngineOptions().threads(2).share_from(0));
    const auto want = want_everything(options, AttentionMethod::kRollout);
    for (const auto& [height, width] :
         {std::array<std::int64_t, 2>{32, 40}, {48, 24}, {16, 80}, {64, 96}, {8, 8}, {32, 40}}) {
      const Images images(options, 3, std::array{height, width});
      const auto expected = modules.run(images.all(), want);
      Output found;
      engine.run(images.all(), want, found);
      EXPECT_LT(relative_error(found.logits, expected.logits), kTolerance) << height << width;
      EXPECT_LT(relative_error(found.features[1], expected.features[1]), kTolerance);
      EXPECT_LT(relative_error(found.attention, expected.attention), kTolerance);
    }
  }
}

/// Against weights that are rounded as the engine does: where it rounds the rows that they multiply
/// too, each row's values by 2^-9 of their own size (bf16) or 2^-9 of their range (int8), and
/// errors of some layers add up.
double tolerance_of(Precision precision, Isa isa) {
  if (precision == Precision::kFp32x3) return 2e-5;
  if (precision == Precision::kBf16 && isa >= Isa::kBf16) return 1.5e-2;
  if (precision == Precision::kInt8) return 3e-2;
  return kTolerance;
}

TEST(EngineAndModules, AgreeInEveryPrecisionOnWeightsRoundedToIt) {
  for (const auto precision :
       {Precision::kFp32, Precision::kFp32x3, Precision::kBf16, Precision::kInt8})
    for (const char* mlp : {"mlp", "swiglu"}) {
      auto options = base_options().mlp_layer(mlp);
      Modules modules(options);
      const Images images(options, 3);
      const auto unrounded = modules.run(images.all(), {});
      modules.round_to(precision);
      const auto expected = modules.run(images.all(), {});
      for (const auto& [isa, way] : ways()) {
        if (way != precision) continue;
        const PackedEngine engine(
            options, modules.weights(),
            EngineOptions().isa(isa).precision(precision).threads(2).share_from(0));
        Output found;
        engine.run(images.all(), {}, found);
        EXPECT_LT(relative_error(found.logits, expected.logits), tolerance_of(precision, isa))
            << precision_name(precision) << ", " << mlp << ", " << isa_name(isa);
        EXPECT_EQ(engine.choices().precision, precision_name(precision));
        EXPECT_EQ(engine.choices().kernels, isa_name(isa));
      }
      if (precision == Precision::kBf16 || precision == Precision::kInt8) {
        EXPECT_GT(relative_error(unrounded.logits, expected.logits), kTolerance);
      }
    }
}

TEST(EngineAndModules, AgreeForEveryKindOfBlockAndPoolInEveryPrecision) {
  const std::function<void(O&)> changes[] = {
      [](O& o) { o.block_fn("ResPostBlock"); },
      [](O& o) { o.block_fn("ParallelScalingBlock").init_values(0.1); },
      [](O& o) { o.block_fn("ParallelThingsBlock").init_values(0.1); },
      [](O& o) { o.block_fn("DiffParallelScalingBlock"); },
      [](O& o) { o.attn_layer("diff").qk_norm(true).scale_attn_norm(true); },
      [](O& o) { o.scale_mlp_norm(true).mlp_layer("glumlp"); },
      [](O& o) { o.global_pool("map").class_token(false); },
      [](O& o) { o.global_pool("avg"); },
      [](O& o) { o.global_pool(""); },
      [](O& o) { o.distilled(true).dist_head("timm"); },
      // Heads of 32 columns: with AMX q, k and v are packed.
      [](O& o) { o.embed_dim(96); },
      [](O& o) { o.embed_dim(96).global_pool("avg").qk_scale(0.3); },
      [](O& o) { o.embed_dim(96).qk_norm(true); },
      [](O& o) { o.embed_dim(96).qk_scale(-0.3); },
      [](O& o) { o.embed_dim(96).block_fn("ResPostBlock").global_pool("map"); },
      [](O& o) { o.embed_dim(96).block_fn("ParallelScalingBlock").init_values(0.1); },
      [](O& o) { o.embed_dim(96).block_fn("ParallelThingsBlock").init_values(0.1); },
      [](O& o) { o.embed_dim(96).block_fn("DiffParallelScalingBlock"); },
      [](O& o) { o.embed_dim(96).scale_attn_norm(true).global_pool("prr"); },
      // Heads of 72 columns: four of them fill lines.
      [](O& o) { o.embed_dim(576).num_heads(8).global_pool("map").class_token(false); },
      [](O& o) { o.embed_dim(288).num_heads(4).block_fn("ParallelScalingBlock"); },
  };
  for (const auto precision : {Precision::kFp32x3, Precision::kBf16, Precision::kInt8})
    for (const auto& change : changes) {
      auto options = base_options();
      change(options);
      Modules modules(options);
      const Images images(options, 3);
      const auto want = want_everything(options, AttentionMethod::kRollout),
                 last = want_everything(options, AttentionMethod::kLast);
      modules.round_to(precision);
      const auto expected = modules.run(images.all(), want),
                 expected_last = modules.run(images.all(), last);
      for (const auto& [isa, way] : ways()) {
        if (way != precision) continue;
        const PackedEngine engine(
            options, modules.weights(),
            EngineOptions().isa(isa).precision(precision).threads(2).share_from(0));
        Output found, found_last;
        engine.run(images.all(), want, found);
        engine.run(images.all(), last, found_last);
        const auto where = format("{}, {}, change {}", precision_name(precision), isa_name(isa),
                                  &change - changes);
        // Features are not averaged as logits are, and maps are relative to their largest value.
        const auto tolerance = 3.0 * tolerance_of(precision, isa);
        EXPECT_LT(relative_error(found.logits, expected.logits), tolerance) << where;
        for (std::size_t i = 0; i < found.features.size(); ++i)
          EXPECT_LT(relative_error(found.features[i], expected.features[i]), tolerance)
              << where << ", feature " << i;
        EXPECT_LT(relative_error(found.attention, expected.attention), tolerance) << where;
        EXPECT_LT(relative_error(found_last.attention, expected_last.attention), tolerance)
            << where << ", the last block's";
      }
    }
}

TEST(EngineAndModules, AttendInTheStepThatMakesQkvWhereAttentionMultipliesBf16) {
  struct Heads {
    std::int64_t columns, count;
    bool fill_lines;
  };
  // Of 32, 72 and 16 columns: one, four and two of them fill a line.
  for (const auto& heads : {Heads{96, 3, true}, {288, 4, true}, {48, 3, false}}) {
    const auto options = base_options().embed_dim(heads.columns).num_heads(heads.count);
    const Modules modules(options);
    for (const auto& [isa, precision] : ways()) {
      const PackedEngine engine(options, modules.weights(),
                                EngineOptions().isa(isa).precision(precision));
      const auto steps = engine.steps({});
      const bool packed = std::any_of(steps.begin(), steps.end(), [](const auto& step) {
        return step.name == "block.0.attn.qkv, attention" &&
               step.description.ends_with(", bf16, packed");
      });
      const bool narrow = precision == Precision::kBf16 || precision == Precision::kInt8;
      EXPECT_EQ(packed, heads.fill_lines && narrow && kernels::multiplies_bf16_attention(isa))
          << heads.columns << " columns, " << precision_name(precision) << ", " << isa_name(isa);
    }
  }
}

TEST(EngineAndModules, MultiplyInThePoolAsThePrecisionSays) {
  const auto options = base_options().embed_dim(384).global_pool("map").class_token(false);
  const Modules modules(options);
  for (const auto& [isa, precision] : ways()) {
    const PackedEngine engine(options, modules.weights(),
                              EngineOptions().isa(isa).precision(precision));
    const bool narrow = precision == Precision::kBf16 || precision == Precision::kInt8;
    const std::string all = narrow && isa >= Isa::kBf16 ? ", bf16" : "";
    const std::string tokens = !narrow && isa >= Isa::kAmx ? ", six bf16 products" : all;
    std::map<std::string, std::string> found;
    for (const auto& step : engine.steps({})) found[step.name] = step.description;
    const auto where = format("{}, {}", precision_name(precision), isa_name(isa));
    EXPECT_EQ(found["attn_pool.kv"], "linear 384 -> 768" + tokens) << where;
    EXPECT_EQ(found["attn_pool.proj"], "linear 384 -> 384" + all) << where;
    EXPECT_EQ(found["attn_pool.mlp.fc1"], "linear 384 -> 1536" + all + ", gelu") << where;
    EXPECT_EQ(found["attn_pool.mlp.fc2"], "linear 1536 -> 384" + all + ", added") << where;
    EXPECT_EQ(found["head"], format("linear 384 -> {}", options.num_classes())) << where;
  }
}

/// A named architecture's options at a size for tests: two blocks of two heads, or of as many as
/// stand in packed rows, and few patches.
VisionTransformerOptions small_architecture(const std::string& name) {
  auto options = config::find_architecture(name).model;
  const auto head_dim = options.embed_dim() / options.num_heads();
  const auto [patch_height, patch_width] = options.patch_size();
  const int heads = std::max(2, kernels::packed_group(head_dim));
  options.depth(2)
      .num_heads(heads)
      .embed_dim(heads * head_dim)
      .num_classes(std::min<std::int64_t>(options.num_classes(), 7));
  options.img_size({2 * patch_height, 3 * patch_width}).dynamic_img_size(false);
  // An even hidden width, as the gated MLPs need it and every architecture has it.
  options.mlp_ratio(std::round(options.mlp_ratio() * static_cast<double>(head_dim)) /
                        static_cast<double>(head_dim) +
                    1e-9);
  return options;
}

TEST(EngineAndModules, AgreeForEveryNamedArchitecture) {
  const auto names = config::architecture_names();
  EXPECT_GE(names.size(), 179U);
  for (const auto& name : names) expect_modules_output(small_architecture(name), name);
}

/// The same on the machine's best level for each narrower precision.
TEST(EngineAndModules, AgreeForEveryNamedArchitectureInEveryPrecision) {
  for (const auto precision : {Precision::kFp32x3, Precision::kBf16, Precision::kInt8}) {
    if (precision == Precision::kFp32x3 && detect_isa() < Isa::kAmx) {
      std::cout << "not run on this machine: fp32x3\n";
      continue;
    }
    double worst = 0.0;
    for (const auto& name : config::architecture_names()) {
      const auto options = small_architecture(name);
      Modules modules(options);
      modules.round_to(precision);
      const Images images(options, 3);
      const Want want{.features = {{FeatureKind::kTokens}}};
      const auto expected = modules.run(images.all(), want);
      const PackedEngine engine(options, modules.weights(),
                                EngineOptions().precision(precision).threads(2).share_from(0));
      Output found;
      engine.run(images.all(), want, found);
      // As for every kind of block: the largest error of some hundred values, not of a mean.
      const auto tolerance = 3.0 * tolerance_of(precision, detect_isa());
      const auto error = std::max(relative_error(found.logits, expected.logits),
                                  relative_error(found.features[0], expected.features[0]));
      EXPECT_LT(error, tolerance) << name << ", " << precision_name(precision);
      worst = std::max(worst, error);
    }
    std::cout << config::architecture_names().size() << " architectures, "
              << precision_name(precision) << ", " << isa_name(detect_isa()) << ": largest error "
              << worst << "\n";
    RecordProperty(std::string(precision_name(precision)) + "_largest_error", format("{}", worst));
  }
}

}  // namespace
}  // namespace vit::engine
