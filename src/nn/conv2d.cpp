#include "vit/nn/conv2d.h"

namespace vit::nn {

Conv2dImpl::Conv2dImpl(const Conv2dOptions& options_, const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto [kh, kw] = options.kernel_size();
  weight = register_parameter(
      "weight", at::empty({options.out_channels(), options.in_channels(), kh, kw}, tensor_options));
  if (options.bias())
    bias = register_parameter("bias", at::empty({options.out_channels()}, tensor_options));
}

torch::Tensor Conv2dImpl::forward(const torch::Tensor& x) {
  return at::conv2d(x, weight, bias, /*stride=*/options.kernel_size());
}

}  // namespace vit::nn
