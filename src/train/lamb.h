// LAMB (You et al. 2019), as timm.optim.Lamb (1.0.31).
#pragma once

#include "moments.h"

namespace vit::train {

/// Adam's direction, scaled for each parameter to a share of its own norm. As in timm, gradients
/// whose norm together is above 1 are scaled to it first, and what is not decayed is not adapted.
class Lamb : public Optimizer {
 public:
  Lamb(std::vector<ParamGroup> groups, const OptimizerSettings& settings);

  NamedTensors state() const override;

 protected:
  void begin_step() override;
  void step_group(std::size_t group, const std::vector<std::size_t>& indices, double lr) override;

 private:
  OptimizerSettings settings_;
  Moments exp_avg_, exp_avg_sq_;
  at::Tensor steps_;  // done, as a scalar
  at::Tensor clip_;   // what this step's gradients are divided by
};

}  // namespace vit::train
