// Leaving out whole patches, in training mode only.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/random_layer.h"

namespace vit::nn {

/// timm's `PatchDropout` (`timm/layers/patch_dropout.py`, 1.0.31): each image keeps max(1, ⌊L ·
/// (1 − prob)⌋) of its L patches, in random order, and its `num_prefix_tokens` first tokens.
class PatchDropoutImpl : public RandomLayer {
 public:
  PatchDropoutImpl(double prob, std::int64_t num_prefix_tokens);

  /// x: [B, num_prefix_tokens + L, dim] → [B, num_prefix_tokens + kept, dim].
  torch::Tensor forward(const torch::Tensor& x) override;

  double prob;
  std::int64_t num_prefix_tokens;
};
TORCH_MODULE(PatchDropout);

}  // namespace vit::nn
