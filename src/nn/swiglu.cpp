#include "vit/nn/swiglu.h"

#include "gate.h"
#include "vit/nn/norm.h"

namespace vit::nn {

SwiGluImpl::SwiGluImpl(const MlpOptions& options_, const LayerPtr& act_layer,
                       const NormFactory& norm_layer, const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto hidden = options.hidden();
  const auto in = LinearOptions(options.in_features(), hidden).bias(options.bias());
  fc1_g = register_module("fc1_g", Linear(in, tensor_options));
  fc1_x = register_module("fc1_x", Linear(in, tensor_options));
  act = register_module<Layer>("act", or_gelu(act_layer));
  norm = register_module<Layer>("norm", make_norm(norm_layer, hidden, tensor_options));
  fc2 = register_module(
      "fc2", Linear(LinearOptions(hidden, options.out()).bias(options.bias()), tensor_options));
  drop = register_module("drop", Dropout(options.drop()));
}

torch::Tensor SwiGluImpl::forward(const torch::Tensor& x) {
  auto hidden = drop(act->forward(fc1_g(x)) * fc1_x(x));  // [..., hidden_features]
  return drop(fc2(norm->forward(hidden)));                // [..., out_features]
}

void SwiGluImpl::reset_parameters(const at::Generator& generator) {
  open_gate(fc1_g->weight, fc1_g->bias, generator);
}

}  // namespace vit::nn
