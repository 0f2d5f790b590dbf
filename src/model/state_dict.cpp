#include "vit/model/vision_transformer.h"

namespace vit::model {

std::vector<std::pair<std::string, torch::Tensor>> state_dict(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, torch::Tensor>> entries;
  for (const auto& item : module.named_parameters(/*recurse=*/false))
    entries.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers(/*recurse=*/false))
    entries.emplace_back(item.key(), item.value());
  for (const auto& child : module.named_children())
    for (auto& [name, tensor] : state_dict(*child.value()))
      entries.emplace_back(child.key() + "." + name, std::move(tensor));
  return entries;
}

}  // namespace vit::model
