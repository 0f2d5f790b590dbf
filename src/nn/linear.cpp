#include "vit/nn/linear.h"

namespace vit::nn {

LinearImpl::LinearImpl(const LinearOptions& options_, const torch::TensorOptions& tensor_options)
    : options(options_) {
  weight = register_parameter(
      "weight", at::empty({options.out_features(), options.in_features()}, tensor_options));
  if (options.bias())
    bias = register_parameter("bias", at::empty({options.out_features()}, tensor_options));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x) {
  if (on_input) on_input(x);
  return at::linear(x, weight, bias);
}

}  // namespace vit::nn
