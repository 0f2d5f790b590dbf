#include "vit/nn/norm.h"

#include "kinds.h"
#include "vit/nn/identity.h"
#include "vit/nn/layer_norm.h"
#include "vit/nn/rms_norm.h"

namespace vit::nn {
namespace {

NormFactory rms_norm_factory(double eps) {
  return [eps](std::int64_t dim, const torch::TensorOptions& tensor_options) -> LayerPtr {
    return std::make_shared<RmsNormImpl>(RmsNormOptions(dim).eps(eps), tensor_options);
  };
}

}  // namespace

NormFactory norm_factory(const std::string& name, double eps) {
  static const std::map<std::string, NormFactory (*)(double)> norms{
      {"layernorm", layer_norm_factory}, {"rmsnorm", rms_norm_factory}};
  return find_kind(norms, name, "norm_layer")(eps);
}

LayerPtr make_norm(const NormFactory& norm_layer, std::int64_t dim,
                   const torch::TensorOptions& tensor_options) {
  if (norm_layer) return norm_layer(dim, tensor_options);
  return std::make_shared<IdentityImpl>();
}

}  // namespace vit::nn
