// A predictor over modules that takes and gives tensors, for comparisons with the modules by hand.
#pragma once

#include "vit/infer/predictor.h"
#include "vit/model/module_engine.h"
#include "vit/torch.h"

namespace vit::testing {

inline Predictor module_predictor(const model::LoadedModel& loaded,
                                  const model::ModuleEngineOptions& options = {}) {
  return Predictor(std::make_unique<model::ModuleEngine>(loaded.model, options), loaded.config);
}

class TensorPredictor {
 public:
  explicit TensorPredictor(const model::LoadedModel& loaded,
                           const model::ModuleEngineOptions& options = {})
      : plain(module_predictor(loaded, options)) {}
  explicit TensorPredictor(Predictor predictor) : plain(std::move(predictor)) {}

  at::Tensor predict(const at::Tensor& x) const { return to_tensor(plain.predict(to_array(x))); }
  at::Tensor features(const at::Tensor& x, const engine::FeatureKind& kind) const {
    return to_tensor(plain.features(to_array(x), kind));
  }
  at::Tensor attention(const at::Tensor& x, engine::AttentionMethod method) const {
    return to_tensor(plain.attention(to_array(x), method));
  }

  Predictor plain;
};

}  // namespace vit::testing
