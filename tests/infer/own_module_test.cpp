#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/small_model.h"
#include "vit/core/error.h"
#include "vit/infer/predictor.h"

namespace vit::infer {
namespace {

using vit::testing::small_model;

struct ModuleState {
  std::vector<const void*> data;
  std::vector<at::ScalarType> types;
  std::vector<bool> training;

  explicit ModuleState(const torch::nn::Module& module) {
    for (const auto& [name, tensor] : model::state_dict(module)) {
      data.push_back(tensor.const_data_ptr());
      types.push_back(tensor.scalar_type());
    }
    for (const auto& child : module.modules()) training.push_back(child->is_training());
  }
  bool operator==(const ModuleState&) const = default;
};

TEST(PredictorOfAModule, LeavesTheModuleOfItsCallerAsItIs) {
  for (const bool training : {false, true})
    for (const auto* precision : {"fp32", "bf16"}) {
      auto loaded = small_model();
      loaded.model->train(training);
      const ModuleState before(*loaded.model);
      PredictorOptions options;
      options.precision = precision;
      Predictor(loaded, options).predict(at::randn({1, 3, 32, 32}));
      EXPECT_TRUE(ModuleState(*loaded.model) == before) << precision;
    }
}

TEST(PredictorOfAModule, AnswersInEvalModeForAModuleThatIsTrained) {
  auto loaded = small_model();
  loaded.config.model.drop_ratio(0.5);
  loaded.model = VisionTransformer(loaded.config.model);
  const auto x = at::randn({2, 3, 32, 32});
  const Predictor predictor(loaded);
  EXPECT_TRUE(loaded.model->is_training());
  EXPECT_TRUE(at::equal(predictor.predict(x), predictor.predict(x)));
}

TEST(PredictorOfAModule, SharesTheWeightsThatNeedNoConversion) {
  auto loaded = small_model();
  PredictorOptions rough;
  rough.precision = "bf16";
  const Predictor shared(loaded), converted(loaded, rough);
  const auto x = at::randn({1, 3, 32, 32});
  const auto before = converted.predict(x);
  const at::NoGradGuard no_grad;
  loaded.model->parameters().back().add_(1);
  EXPECT_TRUE(at::equal(shared.predict(x), loaded.model->forward(x).logits));
  EXPECT_TRUE(at::equal(converted.predict(x), before));
}

/// An activation that no option names.
class Halving : public nn::Layer {
 public:
  torch::Tensor forward(const torch::Tensor& x) override { return x / 2; }
};

TEST(PredictorOfAModule, KeepsTheLayersThatItsCallerPutInPlace) {
  auto loaded = small_model();
  model::VisionTransformerLayers layers;
  layers.act_layer = std::make_shared<Halving>();
  layers.act_layer->eval();
  loaded.model = VisionTransformer(loaded.config.model, at::TensorOptions(), layers);
  loaded.model->eval();
  const auto x = at::randn({2, 3, 32, 32});
  const Predictor predictor(loaded);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(predictor.predict(x), loaded.model->forward(x).logits));
}

TEST(PredictorOfAModule, NeverGuessesWhatAReplacedChildDoes) {
  auto loaded = small_model();
  loaded.model->head = loaded.model->replace_module("head", std::make_shared<Halving>());
  loaded.model->eval();
  const auto x = at::randn({1, 3, 32, 32});
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(Predictor(loaded).predict(x), loaded.model->forward(x).logits));
  PredictorOptions options;
  options.precision = "bf16";
  EXPECT_THROW(Predictor(loaded, options), UsageError);
  loaded.model->train();
  EXPECT_THROW(Predictor{loaded}, UsageError);
}

}  // namespace
}  // namespace vit::infer
