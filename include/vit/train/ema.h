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
  /// Of any tensors, under their names.
  Ema(const NamedTensors& tensors, double decay, bool warmup);

  /// Moves towards the model's weights; `step` counts updates, from 0.
  void update(std::int64_t step);
  /// The decay of update `step`.
  double decay(std::int64_t step) const;

  /// The averages, under the parameters' names; to be restored, copied into.
  NamedTensors state() const;
  /// While it lives, the model has the averages and `state` the weights. `ema` may be null.
  class Swapped {
   public:
    explicit Swapped(Ema* ema);
    ~Swapped();
    Swapped(const Swapped&) = delete;
    Swapped& operator=(const Swapped&) = delete;

   private:
    Ema* ema_;
  };

 private:
  void swap();

  double decay_;
  bool warmup_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> model_, average_;
  at::Tensor scratch_;  // as large as the largest of them
};

}  // namespace vit::train
