// An exponential moving average of a model's weights.
#pragma once

#include <torch/nn/module.h>

#include "vit/train/optimizer.h"

namespace vit::train {

/// timm's `ModelEmaV3` (`timm/utils/model_ema.py`, 1.0.31), held as tensors.
class Ema {
 public:
  /// Starts at the model's weights. `warmup`: the decay is at most 1 − (1 + step) ^ (−2/3).
  Ema(const torch::nn::Module& model, double decay, bool warmup);

  /// Moves towards the model's weights; `step` counts updates, from 0.
  void update(std::int64_t step);
  /// The decay of update `step`.
  double decay(std::int64_t step) const;

  /// The averages, under the parameters' names; to be restored, copied into.
  NamedTensors state() const;
  /// Exchanges the values of averages and model: called twice, nothing has changed.
  void swap();

 private:
  double decay_;
  bool warmup_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> model_, average_;
};

}  // namespace vit::train
