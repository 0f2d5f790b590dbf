// A module's training or evaluation mode for the length of a scope.
#pragma once

#include <torch/nn/module.h>

namespace vit::train {

/// Puts back what was there, also when something throws.
class ModeGuard {
 public:
  ModeGuard(torch::nn::Module& module, bool training)
      : module_(module), before_(module.is_training()) {
    module_.train(training);
  }
  ~ModeGuard() { module_.train(before_); }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  torch::nn::Module& module_;
  bool before_;
};

}  // namespace vit::train
