// An engine with the weights of a freshly drawn model.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "vit/config/registry.h"
#include "vit/engine/packed_engine.h"
#include "vit/model/vision_transformer.h"

namespace vit::bench {

inline engine::PackedEngine random_engine(const std::string& architecture, int threads) {
  const auto options = config::find_architecture(architecture).model;
  const VisionTransformer model(options);
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : model::state_dict(*model))
    tensors.emplace(name, tensor.detach());
  const auto weights = [&](const std::string& name) -> std::optional<engine::WeightView> {
    const auto found = tensors.find(name);
    if (found == tensors.end()) return std::nullopt;
    const auto& tensor = found->second;
    return engine::WeightView{
        tensor.sizes().vec(),
        {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())},
        nullptr};
  };
  return {options, weights, engine::EngineOptions().threads(threads)};
}

}  // namespace vit::bench
