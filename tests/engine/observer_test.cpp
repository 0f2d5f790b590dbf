#include "vit/engine/observer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>

#include "engine/modules.h"
#include "engine/ways.h"
#include "vit/core/error.h"
#include "vit/engine/packed_engine.h"

namespace vit::engine {
namespace {

double squared_error(const std::vector<float>& values, const kernels::RowScale& scale) {
  double sum = 0.0;
  for (const float x : values) {
    const double number =
        std::clamp(std::nearbyint((x - scale.offset) / scale.scale), 0.0F, 255.0F);
    sum += std::pow(scale.offset + scale.scale * number - x, 2);
  }
  return sum;
}

TEST(LayerInputs, AreMeanSquaresByInput) {
  LayerInputs inputs;
  inputs.add(0, std::vector{1.0F, 2.0F});
  inputs.add(0, std::vector{3.0F, 0.0F});
  inputs.add(2, std::vector{5.0F});
  EXPECT_EQ(inputs.mean_squares(), (std::vector{5.0, 2.0, 25.0}));
}

TEST(LayerInputs, ReachFromTheLeastValueToTheLargest) {
  LayerInputs inputs;
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i) values.push_back(static_cast<float>(i) / 500.0F - 0.5F);
  inputs.add(0, values);
  const auto scale = inputs.best_scale();
  // A value is known to 2^-8 of itself.
  EXPECT_NEAR(scale.offset, -0.5F, 0.01F);
  EXPECT_NEAR(scale.offset + 255.0F * scale.scale, 1.498F, 0.02F);
}

TEST(LayerInputs, CutOffOutliersWhereThatIsTheSmallerError) {
  LayerInputs inputs;
  std::vector<float> values(1000000, 0.0F);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(std::sin(static_cast<double>(i)));
  values[17] = 20.0F;
  inputs.add(0, values);
  const auto scale = inputs.best_scale();
  EXPECT_LT(scale.offset + 255.0F * scale.scale, 10.0F);
  EXPECT_LT(squared_error(values, scale), 0.5 * squared_error(values, {21.0F / 255.0F, -1.0F}));
}

TEST(LayerInputs, NeedNotBeThere) {
  LayerInputs inputs;
  inputs.add(0, std::vector{0.0F, 0.0F});
  EXPECT_EQ(inputs.best_scale().scale, 1.0F);
}

/// An int8 model with the scales that its images give.
struct Calibrated {
  explicit Calibrated(const config::VisionTransformerOptions& options_) : options(options_) {
    modules.round_to(Precision::kInt8);
    PackedEngine(options, modules.weights()).observe(images.all(), observer);
    for (const auto& [name, inputs] : observer.layers()) {
      const auto [scale, offset] = inputs.best_scale();
      scales[name + "_input_scale"] = {scale, offset};
    }
  }

  WeightLookup weights() const {
    return
        [this, others = modules.weights()](const std::string& name) -> std::optional<WeightView> {
          const auto found = scales.find(name);
          if (found == scales.end()) return others(name);
          return WeightView{{2}, found->second, nullptr};
        };
  }

  config::VisionTransformerOptions options;
  Modules modules{options};
  Images images{options, 5};
  Observer observer;
  std::map<std::string, std::vector<float>> scales;
};

config::VisionTransformerOptions observed_options() {
  return config::VisionTransformerOptions()
      .img_size({32, 32})
      .patch_size({8, 8})
      .num_classes(11)
      .embed_dim(96)
      .depth(2)
      .num_heads(2)
      .patch_norm(false);
}

/// Kinds of blocks that read by one scale for a layer.
std::vector<config::VisionTransformerOptions> kinds() {
  using Options = config::VisionTransformerOptions;
  auto o = observed_options();
  // Heads that fill lines are attended to in the step that makes them, where attention multiplies
  // bfloat16: two of 48 columns, one of 64, four of 72.
  return {o,
          Options(o).embed_dim(128),
          Options(o).embed_dim(288).num_heads(4),
          Options(o).embed_dim(128).block_fn("ParallelScalingBlock"),
          Options(o).mlp_layer("swiglu").scale_mlp_norm(true),
          Options(o).mlp_layer("glumlp").scale_attn_norm(true),
          Options(o).block_fn("ResPostBlock"),
          Options(o).block_fn("ParallelScalingBlock"),
          Options(o).block_fn("ParallelThingsBlock").global_pool("avg"),
          Options(o).block_fn("DiffParallelScalingBlock"),
          Options(o).attn_layer("diff"),
          Options(o).embed_dim(66).global_pool("map").class_token(false)};
}

TEST(CalibratedEngine, GivesTheModulesOutputForEveryKindOfBlock) {
  for (const auto& options : kinds()) {
    const Calibrated model(options);
    const auto expected = model.modules.run(model.images.all(), {});
    for (const auto& [isa, precision] : ways()) {
      if (precision != Precision::kInt8) continue;
      const PackedEngine engine(
          options, model.weights(),
          EngineOptions().isa(isa).precision(precision).threads(2).share_from(0));
      Output found;
      engine.run(model.images.all(), {}, found);
      // 255 steps over all images' range, where a row's own take as many over less.
      EXPECT_LT(relative_error(found.logits, expected.logits), 6e-2)
          << options.block_fn() << ", " << options.mlp_layer() << ", " << isa_name(isa);
      EXPECT_GT(relative_error(found.logits, expected.logits), 1e-4);
    }
  }
}

TEST(CalibratedEngine, WritesWhatALayerReadsAtOnce) {
  const Calibrated model(observed_options());
  const auto options = EngineOptions().precision(Precision::kInt8).threads(1);
  const auto names = [](const PackedEngine& engine, const char* word) {
    int found = 0;
    for (const auto& step : engine.steps({.features = {{FeatureKind::kTokens}}}))
      found += step.name.starts_with("block.") &&
               std::regex_search(step.description, std::regex(format("\\b{}\\b", word)));
    return found;
  };
  const PackedEngine dynamic(model.options, model.modules.weights(), options);
  const PackedEngine calibrated(model.options, model.weights(), options);
  EXPECT_EQ(names(dynamic, "pack"), 2 * 2);
  EXPECT_EQ(names(calibrated, "pack"), 0);
  EXPECT_EQ(names(dynamic, "calibrated"), 0);
  EXPECT_GE(names(calibrated, "calibrated"), 2 * 4 + 1);
}

TEST(CalibratedEngine, GivesAnImageTheSameBitsInEveryBatchOnAnyNumberOfThreads) {
  const Calibrated model(observed_options());
  const auto options = EngineOptions().precision(Precision::kInt8);
  const PackedEngine one(model.options, model.weights(), EngineOptions(options).threads(1)),
      two(model.options, model.weights(), EngineOptions(options).threads(2).share_from(0));
  Output alone, together;
  two.run(model.images.all(), {}, together);
  for (std::int64_t i = 0; i < 5; ++i)
    for (const auto* engine : {&one, &two}) {
      engine->run(model.images.from(i, 1), {}, alone);
      const auto row = together.logits.row(i);
      EXPECT_TRUE(std::equal(row.begin(), row.end(), alone.logits.data.begin())) << i;
    }
}

TEST(CalibratedEngine, TakesOtherPrecisionsThanTheFiles) {
  const Calibrated model(observed_options());
  const auto expected = model.modules.run(model.images.all(), {});
  Output found;
  PackedEngine(model.options, model.weights()).run(model.images.all(), {}, found);
  EXPECT_LT(relative_error(found.logits, expected.logits), 1e-5);
}

TEST(CalibratedEngine, RefusesScalesThatAreNone) {
  for (const auto& bad :
       {std::vector{0.0F, 1.0F}, {-1.0F, 0.0F}, {NAN, 0.0F}, {1.0F, INFINITY}, {1.0F}}) {
    Calibrated model(observed_options());
    model.scales["block.1.mlp.fc2.weight_input_scale"] = bad;
    const auto weights = [&](const std::string& name) {
      auto found = model.weights()(name);
      if (found && name == "block.1.mlp.fc2.weight_input_scale")
        found->shape = {static_cast<std::int64_t>(bad.size())};
      return found;
    };
    EXPECT_THROW(PackedEngine(model.options, weights, EngineOptions().precision(Precision::kInt8)),
                 DataError);
  }
}

TEST(Observing, IsForFloat32) {
  const Modules modules(observed_options());
  const Images images(observed_options(), 1);
  Observer observer;
  const PackedEngine engine(observed_options(), modules.weights(),
                            EngineOptions().precision(Precision::kBf16));
  EXPECT_THROW(engine.observe(images.all(), observer), UsageError);
}

}  // namespace
}  // namespace vit::engine
