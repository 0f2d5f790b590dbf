#include "vit/infer/predictor.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "support/support.h"
#include "support/tensor_predictor.h"
#include "vit/core/error.h"
#include "vit/model/vision_transformer.h"
#include "vit/nn/block.h"

namespace vit::infer {
namespace {

using vit::testing::module_predictor;
using vit::testing::TensorPredictor;

/// A small model with random weights, none of them at its initial zero or one.
model::LoadedModel three_block_model(std::int64_t num_classes = 7, std::int64_t in_c = 3,
                                     const std::string& block_fn = "Block") {
  model::LoadedModel loaded;
  loaded.config.model.img_size({32, 48})
      .patch_size({16, 16})
      .in_c(in_c)
      .num_classes(num_classes)
      .embed_dim(24)
      .depth(3)
      .num_heads(3)
      .block_fn(block_fn);
  loaded.model = VisionTransformer(loaded.config.model);
  loaded.model->eval();
  const at::NoGradGuard no_grad;
  for (auto& parameter : loaded.model->parameters()) parameter.normal_(0.0, 0.3);
  return loaded;
}

at::Tensor random_input(std::int64_t batch, std::int64_t in_c = 3) {
  return at::randn({batch, in_c, 32, 48});
}

data::Image gradient(std::int64_t height, std::int64_t width, std::int64_t channels) {
  data::Image image(height, width, channels);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(i * 7 % 256);
  return image;
}

/// The modules, run by hand.
at::Tensor run_blocks(VisionTransformer& model, at::Tensor tokens, std::size_t blocks) {
  for (std::size_t i = 0; i < blocks; ++i)
    tokens = std::dynamic_pointer_cast<nn::Layer>(model->block->ptr(i))->forward(tokens);
  return tokens;
}

TEST(Predictor, GivesTheModulesLogits) {
  auto loaded = three_block_model();
  const TensorPredictor predictor(loaded);
  const auto x = random_input(2);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(predictor.predict(x), loaded.model->forward(x).logits));
}

TEST(Predictor, GivesFeaturesOfAModelWithoutAHead) {
  const TensorPredictor predictor(three_block_model(0));
  const auto x = random_input(2);
  EXPECT_EQ(predictor.plain.output_shape(), (std::vector<std::int64_t>{24}));
  EXPECT_TRUE(at::equal(predictor.predict(x), predictor.features(x, {FeatureKind::kPooled})));
}

TEST(Predictor, TakesFeaturesAfterTheFinalNorm) {
  auto loaded = three_block_model();
  const TensorPredictor predictor(loaded);
  const auto x = random_input(2);
  const at::NoGradGuard no_grad;
  auto& model = loaded.model;
  const auto tokens = model->norm->forward(run_blocks(model, model->embed(x), 3));  // [2, 7, 24]
  EXPECT_TRUE(at::equal(predictor.features(x, {FeatureKind::kTokens}), tokens));
  EXPECT_TRUE(at::equal(predictor.features(x, {FeatureKind::kCls}), tokens.select(1, 0)));
  EXPECT_TRUE(at::equal(predictor.features(x, {FeatureKind::kMean}), tokens.slice(1, 1).mean(1)));
  EXPECT_TRUE(at::equal(predictor.features(x, {FeatureKind::kPooled}), tokens.select(1, 0)));
}

TEST(Predictor, TakesALayersFeaturesBeforeAnyNorm) {
  auto loaded = three_block_model();
  const TensorPredictor predictor(loaded);
  const auto x = random_input(1);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(predictor.features(x, {FeatureKind::kLayer, 1}),
                        run_blocks(loaded.model, loaded.model->embed(x), 2)));
  EXPECT_THROW(predictor.features(x, {FeatureKind::kLayer, 3}), UsageError);
}

TEST(Predictor, SaysTheShapeOfWhatItGives) {
  const TensorPredictor predictor(three_block_model());
  const auto x = random_input(2);
  for (const auto& kind : {FeatureKind{FeatureKind::kCls}, FeatureKind{FeatureKind::kMean},
                           FeatureKind{FeatureKind::kTokens}, FeatureKind{FeatureKind::kPooled},
                           FeatureKind{FeatureKind::kLayer, 2}}) {
    auto shape = predictor.plain.feature_shape(kind);
    shape.insert(shape.begin(), 2);
    EXPECT_EQ(predictor.features(x, kind).sizes().vec(), shape);
  }
}

TEST(Predictor, MapsTheClassTokensAttentionOntoTheGrid) {
  auto loaded = three_block_model();
  const TensorPredictor predictor(loaded);
  const auto x = random_input(2);
  const auto map = predictor.attention(x, AttentionMethod::kLast);
  const at::NoGradGuard no_grad;
  auto& model = loaded.model;
  const auto before = run_blocks(model, model->embed(x), 2);
  auto& last = *std::dynamic_pointer_cast<nn::BlockImpl>(model->block->ptr(2));
  const auto weights = last.attn->attention_weights(last.norm1->forward(before));  // [2, 3, 7, 7]
  const auto row = weights.mean(1).select(1, 0).slice(1, 1);                       // [2, 6]
  const auto expected = (row / row.amax(1, true)).reshape({2, 2, 3});
  EXPECT_TRUE(at::equal(map, expected));
}

TEST(Predictor, RollsAttentionOutOverEveryBlock) {
  auto loaded = three_block_model();
  const TensorPredictor predictor(loaded);
  const auto x = random_input(1);
  const at::NoGradGuard no_grad;
  auto& model = loaded.model;
  auto product = at::eye(7).unsqueeze(0);
  for (std::size_t i = 0; i < 3; ++i) {
    auto& block = *std::dynamic_pointer_cast<nn::BlockImpl>(model->block->ptr(i));
    const auto input = run_blocks(model, model->embed(x), i);
    const auto weights = block.attn->attention_weights(block.norm1->forward(input)).mean(1);
    product = (0.5 * weights + 0.5 * at::eye(7)).matmul(product);
  }
  const auto row = product.select(1, 0).slice(1, 1);
  const auto expected = (row / row.amax(1, true)).reshape({1, 2, 3});
  // The same sums in another order: a few roundings of float32.
  EXPECT_TRUE(
      at::allclose(predictor.attention(x, AttentionMethod::kRollout), expected, 1e-5, 1e-6));
}

TEST(Predictor, MapsTheAttentionOfEveryKindOfBlock) {
  for (const auto* block_fn :
       {"ResPostBlock", "ParallelScalingBlock", "DiffParallelScalingBlock", "ParallelThingsBlock"})
    for (const auto method : {AttentionMethod::kLast, AttentionMethod::kRollout}) {
      const TensorPredictor predictor(three_block_model(7, 3, block_fn));
      const auto map = predictor.attention(random_input(16), method);
      EXPECT_EQ(map.sizes().vec(), (std::vector<std::int64_t>{16, 2, 3})) << block_fn;
      EXPECT_GE(map.min().item<float>(), 0.0F) << block_fn;
      // Differential attention may be below 0 everywhere: such a map is empty; one here is not.
      const auto largest = map.amax({1, 2});
      const bool may_be_empty = std::string_view(block_fn) == "DiffParallelScalingBlock";
      EXPECT_TRUE((largest.eq(1) | (largest.eq(0) & may_be_empty)).all().item<bool>()) << block_fn;
      EXPECT_TRUE(largest.eq(1).any().item<bool>()) << block_fn;
    }
}

TEST(Predictor, ShowsImagesThroughTheModelsTransform) {
  const auto predictor = module_predictor(three_block_model());
  const std::vector<data::Image> images{gradient(40, 50, 3), gradient(90, 33, 3)};
  const auto x = predictor.preprocess(images);
  ASSERT_EQ(x.shape, (std::vector<std::int64_t>{2, 3, 32, 48}));
  std::vector<float> second(3 * 32 * 48);
  predictor.transform()(images[1], second);
  EXPECT_TRUE(std::ranges::equal(x.row(1), second));
  EXPECT_EQ(predictor.predict(images), predictor.predict(x));
}

TEST(Predictor, FeedsTensorsToAModelThatImagesDoNotFit) {
  const TensorPredictor predictor(three_block_model(7, 2));
  EXPECT_EQ(predictor.predict(random_input(1, 2)).size(1), 7);
  EXPECT_THROW(predictor.plain.transform(), DataError);
}

TEST(Predictor, RefusesInputsOfAnotherShape) {
  const TensorPredictor predictor(three_block_model());
  EXPECT_THROW(predictor.predict(random_input(1, 1)), DataError);
  EXPECT_THROW(predictor.predict(at::randn({3, 32, 48})), DataError);
  EXPECT_THROW(predictor.predict(at::randn({1, 3, 32, 32})), DataError);
}

TEST(Predictor, AnswersConcurrentCallsAsItAnswersOneAfterTheOther) {
  const TensorPredictor predictor(three_block_model());
  std::vector<at::Tensor> inputs, expected;
  for (int i = 0; i < 8; ++i) {
    inputs.push_back(random_input(1 + i % 3));
    expected.push_back(predictor.predict(inputs.back()));
  }
  std::vector<std::future<bool>> answers;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    answers.push_back(std::async(std::launch::async, [&, i] {
      for (int repeat = 0; repeat < 5; ++repeat)
        // Another thread may split a product otherwise: a few roundings of float32.
        if (!at::allclose(predictor.predict(inputs[i]), expected[i], 1e-5, 1e-6)) return false;
      return true;
    }));
  for (auto& answer : answers) EXPECT_TRUE(answer.get());
}

TEST(Predictor, RunsInBfloat16) {
  const auto loaded = three_block_model();
  const auto x = random_input(2);
  const auto exact = TensorPredictor(loaded).predict(x);
  const auto rough = TensorPredictor(loaded, {c10::kCPU, "bf16"}).predict(x);
  // bfloat16 keeps 8 bits: some 2^-8 a step over three blocks.
  EXPECT_LT((rough - exact).abs().max().item<float>(), 0.1F * exact.abs().max().item<float>());
  EXPECT_FALSE(at::equal(rough, exact));
}

TEST(Predictor, GivesLogitsFeaturesAndAttentionOfOnePassWithTheBitsOfMany) {
  std::vector<model::LoadedModel> models;
  for (const auto* block_fn :
       {"Block", "ResPostBlock", "ParallelScalingBlock", "DiffParallelScalingBlock"})
    models.push_back(three_block_model(7, 3, block_fn));
  for (const auto* dist_head : {"seed", "timm"}) {
    models.push_back(three_block_model());
    models.back().config.model.distilled(true).dist_head(dist_head);
    models.back().model = VisionTransformer(models.back().config.model);
  }
  const auto x = to_array(random_input(2));
  for (const auto& loaded : models)
    for (const auto method : {AttentionMethod::kLast, AttentionMethod::kRollout}) {
      const auto predictor = module_predictor(loaded);
      const std::vector<FeatureKind> kinds{FeatureKind{FeatureKind::kPooled},
                                           FeatureKind{FeatureKind::kTokens},
                                           FeatureKind{FeatureKind::kLayer, 1}};
      const auto all = predictor.run(x, {true, kinds, method});
      EXPECT_EQ(all.logits, predictor.predict(x));
      EXPECT_EQ(all.attention, predictor.attention(x, method));
      for (std::size_t i = 0; i < kinds.size(); ++i)
        EXPECT_EQ(all.features[i], predictor.features(x, kinds[i]));
    }
}

TEST(Predictor, NamesWhatItRunsIn) {
  EXPECT_EQ(module_predictor(three_block_model()).choices()["engine"], "modules");
  EXPECT_THROW(module_predictor(three_block_model(), {c10::kCPU, "int8"}), UsageError);
}

TEST(Predictor, OpensAModelFile) {
  const testing::TemporaryFolder folder;
  const auto loaded = three_block_model();
  model::save_model(folder / "model.safetensors", *loaded.model, loaded.config);
  PredictorOptions options;
  options.engine = "modules";
  const Predictor predictor(folder / "model.safetensors", options);
  const auto x = to_array(random_input(1));
  EXPECT_EQ(predictor.predict(x), module_predictor(loaded).predict(x));
  options.engine = "wheels";
  EXPECT_THROW(Predictor(folder / "model.safetensors", options), UsageError);
}

TEST(FeatureKind, IsParsedOrRefused) {
  EXPECT_EQ(parse_feature_kind("mean").kind, FeatureKind::kMean);
  EXPECT_EQ(parse_feature_kind("layer:11").layer, 11);
  for (const auto* text : {"", "layer", "layer:", "layer:-1", "layer:1x", "CLS"})
    EXPECT_THROW(parse_feature_kind(text), UsageError) << text;
}

}  // namespace
}  // namespace vit::infer
