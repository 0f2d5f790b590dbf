// Layers whose activations are computed again in the backward pass instead of being kept.
#pragma once

#include "vit/nn/layer.h"

namespace vit::nn {

/// `layer`'s output for `x`, of which nothing but `x` is kept for the backward pass: that runs the
/// layer a second time, with the random numbers and the autocast of the first, and so gives the
/// same bits. What torch.utils.checkpoint does with `use_reentrant`: gradients of parameters come
/// from `backward()`, not from `torch::autograd::grad`. Where `x` needs no gradient (behind frozen
/// layers) the layer runs once, as ever.
torch::Tensor recomputed(const LayerPtr& layer, const torch::Tensor& x);

}  // namespace vit::nn
