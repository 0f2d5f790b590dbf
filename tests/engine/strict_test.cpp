// Outliers in fp32x3.
#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/modules.h"
#include "vit/core/error.h"
#include "vit/engine/packed_engine.h"

namespace vit::engine {
namespace {

using config::VisionTransformerOptions;

VisionTransformerOptions wide_options() {
  return VisionTransformerOptions()
      .img_size({32, 32})
      .patch_size({8, 8})
      .num_classes(11)
      .embed_dim(192)
      .depth(4)
      .num_heads(3)
      .patch_norm(false);
}

/// A model's weights, some of them changed.
class Changed {
 public:
  explicit Changed(const VisionTransformerOptions& options) : modules_(options) {}

  /// The values themselves, for the modules too.
  std::span<float> operator[](const std::string& name) {
    const auto view = modules_.weights()(name);
    if (!view) throw DataError("no parameter {}", name);
    return {const_cast<float*>(view->data.data()), view->data.size()};  // the test's own tensors
  }

  /// Adds `shift` to an input of a layer and takes it off its result.
  void shift_norm(const std::string& norm, const std::string& layer, std::size_t input,
                  float shift) {
    (*this)[norm + "bias"][input] += shift;
    const auto weight = (*this)[layer + "weight"], bias = (*this)[layer + "bias"];
    const auto columns = weight.size() / bias.size();
    for (std::size_t n = 0; n < bias.size(); ++n) bias[n] -= shift * weight[n * columns + input];
  }

  const Modules& modules() const { return modules_; }

 private:
  Modules modules_;
};

double error_of(const Changed& model, const VisionTransformerOptions& options,
                const PackedEngine& engine) {
  const Images images(options, 4);
  Output found;
  engine.run(images.all(), {}, found);
  return relative_error(found.logits, model.modules().run(images.all(), {}).logits);
}

std::vector<std::string> strict_steps(const PackedEngine& engine) {
  std::vector<std::string> names;
  for (const auto& step : engine.steps({}))
    if (step.description.find(", strict") != std::string::npos) names.push_back(step.name);
  return names;
}

class StrictLayers : public testing::Test {
 protected:
  void SetUp() override {
    if (detect_isa() < Isa::kAmx) GTEST_SKIP() << "fp32x3 is for AMX";
  }
  PackedEngine engine(const Changed& model) const {
    return {options, model.modules().weights(),
            EngineOptions().precision(Precision::kFp32x3).threads(2).share_from(0)};
  }
  VisionTransformerOptions options = wide_options();
};

TEST_F(StrictLayers, AreNoneWithoutOutliers) {
  const Changed model(options);
  const auto engine = this->engine(model);
  EXPECT_TRUE(strict_steps(engine).empty());
  EXPECT_EQ(engine.choices().strict_layers, 0);
  EXPECT_LT(error_of(model, options, engine), 2e-5);
}

TEST_F(StrictLayers, AreThoseWhoseInputsCancel) {
  Changed model(options);
  for (const char* block : {"block.0.", "block.1.", "block.2."}) {
    model.shift_norm(std::string(block) + "norm1.", std::string(block) + "attn.qkv.", 7, 300.0F);
    model.shift_norm(std::string(block) + "norm2.", std::string(block) + "mlp.fc1.", 9, 300.0F);
  }
  const auto engine = this->engine(model);
  EXPECT_EQ(strict_steps(engine),
            (std::vector<std::string>{"block.0.attn.qkv", "block.0.mlp.fc1", "block.1.attn.qkv",
                                      "block.1.mlp.fc1", "block.2.attn.qkv", "block.2.mlp.fc1"}));
  EXPECT_EQ(engine.choices().strict_layers, 6);
  EXPECT_EQ(engine.choices().precision, "fp32x3");
  EXPECT_LT(error_of(model, options, engine), 2e-5);
}

TEST_F(StrictLayers, AreThoseBehindHiddenValuesThatCancel) {
  Changed model(options);
  for (const char* block : {"block.0.mlp.", "block.1.mlp."}) {
    const auto weight = model[std::string(block) + "fc2.weight"],
               bias = model[std::string(block) + "fc2.bias"];
    const auto hidden = weight.size() / bias.size();
    for (std::size_t i = 0; i < 8; ++i) {
      model[std::string(block) + "fc1.bias"][i] += 60.0F;
      for (std::size_t n = 0; n < bias.size(); ++n) bias[n] -= 60.0F * weight[n * hidden + i];
    }
  }
  const auto engine = this->engine(model);
  EXPECT_EQ(strict_steps(engine), (std::vector<std::string>{"block.0.mlp.fc2", "block.1.mlp.fc2"}));
  EXPECT_LT(error_of(model, options, engine), 2e-5);
}

TEST_F(StrictLayers, AreThoseWithOneInputAboveAllOthers) {
  Changed model(options);
  model["block.1.norm1.weight"][3] *= 100.0F;
  EXPECT_EQ(strict_steps(engine(model)), (std::vector<std::string>{"block.1.attn.qkv"}));
}

TEST_F(StrictLayers, StandBesideOthersInEveryKindOfBlock) {
  const std::function<void(VisionTransformerOptions&)> changes[] = {
      [](auto& o) { o.block_fn("ResPostBlock"); },
      [](auto& o) { o.block_fn("ParallelScalingBlock"); },
      [](auto& o) { o.block_fn("ParallelThingsBlock"); },
      [](auto& o) { o.block_fn("DiffParallelScalingBlock"); },
      [](auto& o) { o.mlp_layer("swiglu").scale_mlp_norm(true); },
      [](auto& o) { o.mlp_layer("glumlp").scale_attn_norm(true); },
      [](auto& o) { o.mlp_layer("swiglu_packed").global_pool("map").class_token(false); },
  };
  for (const auto& change : changes) {
    options = wide_options();
    change(options);
    Changed model(options);
    // One input of the first layer of each block.
    for (const char* norm : {"block.0.norm1.", "block.0.norm2.", "block.0.in_norm.",
                             "block.0.attns.1.norm.", "block.0.ffns.0.norm."})
      if (model.modules().weights()(std::string(norm) + "weight"))
        model[std::string(norm) + "weight"][5] *= 30.0F;
    const auto engine = this->engine(model);
    EXPECT_GT(engine.choices().strict_layers, 0) << options.block_fn() << options.mlp_layer();
    EXPECT_LT(error_of(model, options, engine), 2e-5) << options.block_fn() << options.mlp_layer();
  }
}

}  // namespace
}  // namespace vit::engine
