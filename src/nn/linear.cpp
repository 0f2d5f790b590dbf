#include "vit/nn/linear.h"

#include "nn/check.h"
#include "vit/nn/init.h"

namespace vit::nn {

LinearImpl::LinearImpl(const LinearOptions& options_, const torch::TensorOptions& tensor_options)
    : options(options_) {
  check_at_least("linear", "in_features", options.in_features(), 0);
  check_at_least("linear", "out_features", options.out_features(), 0);
  weight = register_parameter(
      "weight", at::empty({options.out_features(), options.in_features()}, tensor_options));
  if (options.bias())
    bias = register_parameter("bias", at::empty({options.out_features()}, tensor_options));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x) {
  auto out = at::linear(x, weight, bias);
  return update ? out + update(x) : out;
}

void LinearImpl::reset_parameters(const at::Generator& generator) {
  trunc_normal_(weight, 0.01, generator);
  if (bias.defined()) bias.zero_();
}

}  // namespace vit::nn
