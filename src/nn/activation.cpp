#include "vit/nn/activation.h"

#include "kinds.h"

namespace vit::nn {
namespace {

using Function = at::Tensor (*)(const at::Tensor&);

/// A function without state as a layer.
class FunctionLayer : public Layer {
 public:
  explicit FunctionLayer(Function function) : function_(function) {}
  torch::Tensor forward(const torch::Tensor& x) override { return function_(x); }

 private:
  Function function_;
};

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> table{
      {"gelu_tanh", [](const at::Tensor& x) { return at::gelu(x, "tanh"); }},
      {"identity", [](const at::Tensor& x) { return x; }},
      {"mish", [](const at::Tensor& x) { return at::mish(x); }},
      {"quick_gelu", [](const at::Tensor& x) { return x * at::sigmoid(1.702 * x); }},
      {"relu", [](const at::Tensor& x) { return at::relu(x); }},
      {"sigmoid", [](const at::Tensor& x) { return at::sigmoid(x); }},
      {"silu", [](const at::Tensor& x) { return at::silu(x); }},
      {"swish", [](const at::Tensor& x) { return at::silu(x); }},
      // With classes of their own, so that others can tell them.
      {"gelu", nullptr},
      {"tanh", nullptr},
  };
  return table;
}

}  // namespace

torch::Tensor GeluImpl::forward(const torch::Tensor& x) { return at::gelu(x); }

torch::Tensor TanhImpl::forward(const torch::Tensor& x) { return at::tanh(x); }

LayerPtr make_activation(const std::string& name) {
  const auto function = find_kind(functions(), name, "act_layer");
  if (name == "gelu") return std::make_shared<GeluImpl>();
  if (name == "tanh") return std::make_shared<TanhImpl>();
  return std::make_shared<FunctionLayer>(function);
}

}  // namespace vit::nn
