#include "vit/nn/layer_scale.h"

#include "nn/check.h"
#include "vit/nn/identity.h"

namespace vit::nn {

LayerScaleImpl::LayerScaleImpl(std::int64_t dim, double init_values_,
                               const torch::TensorOptions& tensor_options)
    : init_values(init_values_) {
  check_at_least("layer_scale", "dim", dim);
  gamma = register_parameter("gamma", at::empty({dim}, tensor_options));
}

torch::Tensor LayerScaleImpl::forward(const torch::Tensor& x) { return x * gamma; }

void LayerScaleImpl::reset_parameters(const at::Generator& /*generator*/) {
  gamma.fill_(init_values);
}

LayerPtr make_layer_scale(std::int64_t dim, const std::optional<double>& init_values,
                          const torch::TensorOptions& tensor_options) {
  if (init_values) return std::make_shared<LayerScaleImpl>(dim, *init_values, tensor_options);
  return std::make_shared<IdentityImpl>();
}

}  // namespace vit::nn
