#include "vit/nn/mlp.h"

#include "vit/nn/activation.h"

namespace vit::nn {
namespace {

// Python's `value or fallback`.
std::int64_t value_or(const std::optional<std::int64_t>& value, std::int64_t fallback) {
  return value && *value != 0 ? *value : fallback;
}

}  // namespace

MlpImpl::MlpImpl(const MlpOptions& options_, const LayerPtr& act_layer,
                 const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto in = options.in_features();
  const auto hidden = value_or(options.hidden_features(), in);
  const auto out = value_or(options.out_features(), in);
  fc1 = register_module("fc1",
                        Linear(LinearOptions(in, hidden).bias(options.bias()), tensor_options));
  act = register_module<Layer>("act", act_layer ? act_layer : std::make_shared<GeluImpl>());
  fc2 = register_module("fc2",
                        Linear(LinearOptions(hidden, out).bias(options.bias()), tensor_options));
  drop = register_module("drop", Dropout(options.drop()));
}

torch::Tensor MlpImpl::forward(const torch::Tensor& x) {
  auto hidden = drop(act->forward(fc1(x)));  // [..., hidden_features]
  return drop(fc2(hidden));                  // [..., out_features]
}

}  // namespace vit::nn
