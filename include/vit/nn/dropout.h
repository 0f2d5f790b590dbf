// Dropout of single elements, in training mode only.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/random_layer.h"

namespace vit::nn {

class DropoutImpl : public RandomLayer {
 public:
  /// `p`: probability of an element to become 0; the others are divided by 1 − p.
  explicit DropoutImpl(double p = 0.0);

  /// x: any shape.
  torch::Tensor forward(const torch::Tensor& x) override;

  double p;
};
TORCH_MODULE(Dropout);

}  // namespace vit::nn
