// Layers that draw random numbers while training, and the generator they draw from.
#pragma once

#include <ATen/core/Generator.h>

#include <optional>

#include "vit/nn/layer.h"

namespace vit::nn {

/// A layer whose training-mode forward pass draws from `generator`; without one, from LibTorch's
/// default generator of the input's device.
class RandomLayer : public Layer {
 public:
  std::optional<at::Generator> generator;
};

/// Hands `generator` to every RandomLayer of `module`, itself included. It must be of the device
/// that the inputs are on. A null one: back to LibTorch's default.
void set_generator(torch::nn::Module& module, const std::optional<at::Generator>& generator);

}  // namespace vit::nn
