#include "model/engine/own_module.h"

#include <ATen/ATen.h>

#include <typeinfo>

#include "vit/core/error.h"

namespace vit::model {
namespace {

at::Tensor moved_to(const at::Tensor& x, c10::Device device, c10::ScalarType dtype) {
  return x.is_floating_point() ? x.to(device, dtype) : x.to(device);
}

/// Whether a predictor on `device`, of type `dtype`, can use the module as it is.
bool is_ready(const VisionTransformerImpl& module, c10::Device device, c10::ScalarType dtype) {
  for (const auto& child : module.modules())
    if (child->is_training()) return false;
  for (const auto& [name, tensor] : state_dict(module))
    if (!moved_to(tensor, device, dtype).is_same(tensor)) return false;
  return true;
}

bool is_stateless(const torch::nn::Module& module) {
  return module.parameters().empty() && module.buffers().empty();
}

/// The layers that the caller put into the model, an activation of its own among them.
VisionTransformerLayers copied_layers(const VisionTransformerImpl& source) {
  auto layers = source.layers;
  if (!layers.act_layer) return layers;
  try {
    layers.act_layer = std::dynamic_pointer_cast<nn::Layer>(layers.act_layer->clone());
  } catch (const c10::Error&) {
    // One without a clone() may be shared where nothing would be changed in it.
    if (!is_stateless(*layers.act_layer) || layers.act_layer->is_training())
      throw UsageError(
          "model: its act_layer cannot be copied: expected a Cloneable, or one without parameters "
          "in eval mode");
  }
  return layers;
}

/// The name of the first child that `own` has otherwise than `source`; empty where there is none.
std::string first_difference(const torch::nn::Module& source, const torch::nn::Module& own) {
  const auto theirs = source.named_modules();
  const auto ours = own.named_modules();
  for (const auto& item : theirs) {
    const auto* found = ours.find(item.key());
    if (found == nullptr) return item.key();
    const auto& a = *item.value();
    const auto& b = **found;
    if (typeid(a) != typeid(b)) return item.key();
  }
  if (theirs.size() != ours.size()) return "its children";
  const auto weights = state_dict(source);
  const auto own_weights = state_dict(own);
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (i >= own_weights.size() || weights[i].first != own_weights[i].first ||
        weights[i].second.sizes() != own_weights[i].second.sizes())
      return weights[i].first;
  return weights.size() == own_weights.size() ? "" : "its parameters";
}

}  // namespace

std::shared_ptr<VisionTransformerImpl> own_module(
    const std::shared_ptr<VisionTransformerImpl>& source, c10::Device device,
    c10::ScalarType dtype) {
  const c10::NoGradGuard no_grad;
  auto own = std::make_shared<VisionTransformerImpl>(source->options, at::dtype(at::kFloat),
                                                     copied_layers(*source), /*init=*/false);
  if (const auto name = first_difference(*source, *own); !name.empty()) {
    if (is_ready(*source, device, dtype)) return source;
    throw UsageError(
        "model: {} is not what the model's options make: expected such a model in eval mode, on {} "
        "and of type {}",
        name, device, dtype);
  }
  auto slots = state_dict(*own);
  const auto weights = state_dict(*source);
  for (std::size_t i = 0; i < slots.size(); ++i)
    slots[i].second.set_data(moved_to(weights[i].second.detach(), device, dtype));
  own->eval();
  return own;
}

}  // namespace vit::model
