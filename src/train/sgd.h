// torch.optim.SGD with momentum, as timm makes it.
#pragma once

#include "moments.h"

namespace vit::train {

/// Momentum without dampening. Weight decay is added to the gradient.
class Sgd : public Optimizer {
 public:
  Sgd(std::vector<ParamGroup> groups, const OptimizerSettings& settings, bool nesterov);

  NamedTensors state() const override;

 protected:
  void step_group(std::size_t group, const std::vector<std::size_t>& indices, double lr) override;

 private:
  double momentum_;
  bool nesterov_;
  Moments buffers_;
};

}  // namespace vit::train
