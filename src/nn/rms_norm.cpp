#include "vit/nn/rms_norm.h"

#include "nn/check.h"

namespace vit::nn {

RmsNormImpl::RmsNormImpl(const RmsNormOptions& options_, const torch::TensorOptions& tensor_options)
    : options(options_) {
  check_at_least("rms_norm", "dim", options.dim());
  weight = register_parameter("weight", at::empty({options.dim()}, tensor_options));
}

torch::Tensor RmsNormImpl::forward(const torch::Tensor& x) {
  return at::rms_norm(x, {options.dim()}, weight, options.eps());
}

void RmsNormImpl::reset_parameters(const at::Generator& /*generator*/) { weight.fill_(1.0); }

}  // namespace vit::nn
