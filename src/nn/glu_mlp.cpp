#include "vit/nn/glu_mlp.h"

#include "gate.h"
#include "vit/core/error.h"
#include "vit/nn/norm.h"

namespace vit::nn {
GluMlpImpl::GluMlpImpl(const MlpOptions& options_, const LayerPtr& act_layer,
                       const NormFactory& norm_layer, const torch::TensorOptions& tensor_options,
                       bool gate_last_)
    : options(options_), gate_last(gate_last_) {
  const auto hidden = options.hidden();
  if (hidden % 2 != 0)
    throw DataError("mlp: expected an even hidden width to halve, found {}", hidden);
  fc1 = register_module(
      "fc1",
      Linear(LinearOptions(options.in_features(), hidden).bias(options.bias()), tensor_options));
  act = register_module<Layer>("act", or_gelu(act_layer));
  norm = register_module<Layer>("norm", make_norm(norm_layer, hidden / 2, tensor_options));
  fc2 = register_module(
      "fc2", Linear(LinearOptions(hidden / 2, options.out()).bias(options.bias()), tensor_options));
  drop = register_module("drop", Dropout(options.drop()));
}

torch::Tensor GluMlpImpl::forward(const torch::Tensor& x) {
  const auto halves = fc1(x).chunk(2, -1);  // twice [..., hidden_features / 2]
  auto hidden =
      gate_last ? halves[0] * act->forward(halves[1]) : act->forward(halves[0]) * halves[1];
  return drop(fc2(norm->forward(drop(hidden))));  // [..., out_features]
}

void GluMlpImpl::reset_parameters(const at::Generator& generator) {
  // timm takes the second half for the gate, whichever half is.
  const auto half = options.hidden() / 2;
  open_gate(fc1->weight.slice(0, half), options.bias() ? fc1->bias.slice(0, half) : torch::Tensor(),
            generator);
}

}  // namespace vit::nn
