#include "vit/nn/dropout.h"

#include "nn/check.h"

namespace vit::nn {

DropoutImpl::DropoutImpl(double p_) : p(p_) { check_probability("dropout", "p", p); }

torch::Tensor DropoutImpl::forward(const torch::Tensor& x) {
  if (!is_training() || p == 0.0) return x;
  if (p == 1.0) return x * at::zeros({}, x.options());
  return x * at::empty_like(x).bernoulli_(1.0 - p, generator).div_(1.0 - p);
}

}  // namespace vit::nn
