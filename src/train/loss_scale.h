// Loss scaling for float16.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace vit::train {

/// torch.amp.GradScaler with its defaults: gradients of a loss that is `factor` times as large are
/// divided by it; a step whose gradients are not finite is left out and halves the scale; 2000 good
/// steps in a row double it.
class LossScale {
 public:
  /// `scale` and `good_steps` (since it last changed) belong to the caller, who keeps them.
  LossScale(bool enabled, double& scale, std::int64_t& good_steps)
      : enabled_(enabled), scale_(scale), good_steps_(good_steps) {}

  bool enabled() const { return enabled_; }
  double factor() const { return enabled_ ? scale_ : 1.0; }
  /// Divides the gradients by the factor, then settles the factor of the next step. False: one of
  /// them is not finite, and the step is to be left out.
  bool unscale(std::vector<at::Tensor> gradients);
  /// Gradients that are still not finite at this scale are so without any.
  bool exhausted() const { return enabled_ && scale_ < 1.0 / 65536; }

 private:
  bool enabled_;
  double& scale_;
  std::int64_t& good_steps_;
};

}  // namespace vit::train
