#include "vit/nn/activation.h"

namespace vit::nn {

torch::Tensor GeluImpl::forward(const torch::Tensor& x) { return at::gelu(x); }

torch::Tensor TanhImpl::forward(const torch::Tensor& x) { return at::tanh(x); }

}  // namespace vit::nn
