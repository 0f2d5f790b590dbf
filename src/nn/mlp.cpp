#include "vit/nn/mlp.h"

#include "vit/nn/activation.h"
#include "vit/nn/norm.h"

namespace vit::nn {
namespace {

// Python's `value or fallback`.
std::int64_t value_or(const std::optional<std::int64_t>& value, std::int64_t fallback) {
  return value && *value != 0 ? *value : fallback;
}

}  // namespace

std::int64_t MlpOptions::hidden() const { return value_or(hidden_features_, in_features_); }
std::int64_t MlpOptions::out() const { return value_or(out_features_, in_features_); }

MlpImpl::MlpImpl(const MlpOptions& options_, const LayerPtr& act_layer,
                 const NormFactory& norm_layer, const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto hidden = options.hidden();
  fc1 = register_module(
      "fc1",
      Linear(LinearOptions(options.in_features(), hidden).bias(options.bias()), tensor_options));
  act = register_module<Layer>("act", act_layer ? act_layer : std::make_shared<GeluImpl>());
  norm = register_module<Layer>("norm", make_norm(norm_layer, hidden, tensor_options));
  fc2 = register_module(
      "fc2", Linear(LinearOptions(hidden, options.out()).bias(options.bias()), tensor_options));
  drop = register_module("drop", Dropout(options.drop()));
}

torch::Tensor MlpImpl::forward(const torch::Tensor& x) {
  auto hidden = drop(act->forward(fc1(x)));  // [..., hidden_features]
  return drop(fc2(norm->forward(hidden)));   // [..., out_features]
}

}  // namespace vit::nn
