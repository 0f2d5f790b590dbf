#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/small_model.h"
#include "vit/core/error.h"
#include "vit/model/module_engine.h"
#include "vit/torch.h"

namespace vit::model {
namespace {

using vit::testing::small_model;

at::Tensor predict(const ModuleEngine& engine, const at::Tensor& x) {
  const auto images = to_array(x);
  engine::Output output;
  engine.run({images.data.data(), x.size(0), x.size(1), x.size(2), x.size(3)}, {}, output);
  return to_tensor(std::move(output.logits));
}

struct ModuleState {
  std::vector<const void*> data;
  std::vector<at::ScalarType> types;
  std::vector<bool> training;

  explicit ModuleState(const torch::nn::Module& module) {
    for (const auto& [name, tensor] : state_dict(module)) {
      data.push_back(tensor.const_data_ptr());
      types.push_back(tensor.scalar_type());
    }
    for (const auto& child : module.modules()) training.push_back(child->is_training());
  }
  bool operator==(const ModuleState&) const = default;
};

TEST(ModuleEngine, LeavesTheModuleOfItsCallerAsItIs) {
  for (const bool training : {false, true})
    for (const auto* precision : {"fp32", "bf16"}) {
      auto loaded = small_model();
      loaded.model->train(training);
      const ModuleState before(*loaded.model);
      predict(ModuleEngine(loaded.model, {c10::kCPU, precision}), at::randn({1, 3, 32, 32}));
      EXPECT_TRUE(ModuleState(*loaded.model) == before) << precision;
    }
}

TEST(ModuleEngine, AnswersInEvalModeForAModuleThatIsTrained) {
  auto loaded = small_model();
  loaded.config.model.drop_ratio(0.5);
  loaded.model = VisionTransformer(loaded.config.model);
  const auto x = at::randn({2, 3, 32, 32});
  const ModuleEngine predictor(loaded.model);
  EXPECT_TRUE(loaded.model->is_training());
  EXPECT_TRUE(at::equal(predict(predictor, x), predict(predictor, x)));
}

TEST(ModuleEngine, SharesTheWeightsThatNeedNoConversion) {
  auto loaded = small_model();
  const ModuleEngine shared(loaded.model), converted(loaded.model, {c10::kCPU, "bf16"});
  const auto x = at::randn({1, 3, 32, 32});
  const auto before = predict(converted, x);
  const at::NoGradGuard no_grad;
  loaded.model->parameters().back().add_(1);
  EXPECT_TRUE(at::equal(predict(shared, x), loaded.model->forward(x).logits));
  EXPECT_TRUE(at::equal(predict(converted, x), before));
}

/// An activation that no option names.
class Halving : public nn::Layer {
 public:
  torch::Tensor forward(const torch::Tensor& x) override { return x / 2; }
};

TEST(ModuleEngine, KeepsTheLayersThatItsCallerPutInPlace) {
  auto loaded = small_model();
  VisionTransformerLayers layers;
  layers.act_layer = std::make_shared<Halving>();
  layers.act_layer->eval();
  loaded.model = VisionTransformer(loaded.config.model, at::TensorOptions(), layers);
  loaded.model->eval();
  const auto x = at::randn({2, 3, 32, 32});
  const ModuleEngine predictor(loaded.model);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(predict(predictor, x), loaded.model->forward(x).logits));
}

TEST(ModuleEngine, NeverGuessesWhatAReplacedChildDoes) {
  auto loaded = small_model();
  loaded.model->head = loaded.model->replace_module("head", std::make_shared<Halving>());
  loaded.model->eval();
  const auto x = at::randn({1, 3, 32, 32});
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(predict(ModuleEngine(loaded.model), x), loaded.model->forward(x).logits));
  EXPECT_THROW(ModuleEngine(loaded.model, {c10::kCPU, "bf16"}), UsageError);
  loaded.model->train();
  EXPECT_THROW(ModuleEngine{loaded.model}, UsageError);
}

}  // namespace
}  // namespace vit::model
