// Lion (Chen et al. 2023), as timm.optim.Lion (1.0.31).
#pragma once

#include "moments.h"

namespace vit::train {

/// Every weight moves by the learning rate, in the direction of the gradients' average.
class Lion : public Optimizer {
 public:
  Lion(std::vector<ParamGroup> groups, const OptimizerSettings& settings);

  NamedTensors state() const override;

 protected:
  void step_group(std::size_t group, const std::vector<std::size_t>& indices, double lr) override;

 private:
  double beta1_, beta2_;
  Moments exp_avg_;
};

}  // namespace vit::train
