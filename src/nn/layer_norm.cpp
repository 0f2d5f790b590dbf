#include "vit/nn/layer_norm.h"

#include "nn/check.h"

namespace vit::nn {

LayerNormImpl::LayerNormImpl(const LayerNormOptions& options_,
                             const torch::TensorOptions& tensor_options)
    : options(options_) {
  check_at_least("layer_norm", "dim", options.dim());
  weight = register_parameter("weight", at::empty({options.dim()}, tensor_options));
  bias = register_parameter("bias", at::empty({options.dim()}, tensor_options));
}

torch::Tensor LayerNormImpl::forward(const torch::Tensor& x) {
  // LibTorch's own kernel for the meta device is written in Python.
  if (x.is_meta()) return at::empty_like(x);
  return at::layer_norm(x, {options.dim()}, weight, bias, options.eps());
}

void LayerNormImpl::reset_parameters(const at::Generator& /*generator*/) {
  weight.fill_(1.0);
  bias.zero_();
}

NormFactory layer_norm_factory(double eps) {
  return [eps](std::int64_t dim, const torch::TensorOptions& tensor_options) -> LayerPtr {
    return std::make_shared<LayerNormImpl>(LayerNormOptions(dim).eps(eps), tensor_options);
  };
}

}  // namespace vit::nn
