// The representation layer before the head: fc and tanh.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/activation.h"
#include "vit/nn/layer.h"
#include "vit/nn/linear.h"

namespace vit::nn {

/// The seed's `pre_logits`.
class PreLogitsImpl : public Layer {
 public:
  PreLogitsImpl(std::int64_t embed_dim, std::int64_t representation_size,
                const torch::TensorOptions& tensor_options = {});

  /// x: [B, embed_dim] → [B, representation_size].
  torch::Tensor forward(const torch::Tensor& x) override;

  Linear fc{nullptr};
  Tanh act{nullptr};
};
TORCH_MODULE(PreLogits);

}  // namespace vit::nn
