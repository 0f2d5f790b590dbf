// torch.optim.AdamW over LibTorch's fused kernel.
#pragma once

#include <functional>

#include "vit/train/optimizer.h"

namespace vit::train {

/// Loshchilov and Hutter 2019. The fused kernel serves the CPU and CUDA; elsewhere, or where
/// `settings.fused` is false, the same arithmetic is done step by step.
class AdamW : public Optimizer {
 public:
  using Serves = std::function<bool(const at::Tensor&)>;

  /// Parameters that `serves` refuses get no state and must not be stepped; without it all do.
  AdamW(std::vector<ParamGroup> groups, const OptimizerSettings& settings,
        const Serves& serves = {});

  NamedTensors state() const override;

 protected:
  void step_group(std::size_t group, const std::vector<std::size_t>& indices, double lr) override;

 private:
  struct State {
    std::vector<at::Tensor> exp_avg, exp_avg_sq, step;
  };

  OptimizerSettings settings_;
  bool fused_;
  std::vector<State> states_;  // a group
};

}  // namespace vit::train
