// An engine with the weights of a freshly drawn model.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "vit/config/registry.h"
#include "vit/engine/packed_engine.h"
#include "vit/model/vision_transformer.h"
#include "vit/state_dict/weight.h"

namespace vit::bench {

/// `calibrated`: as of an int8 file whose layers name the scale of what they read. `packing`: takes
/// the milliseconds that the engine took to make.
inline engine::PackedEngine random_engine(const std::string& architecture,
                                          const engine::EngineOptions& how, bool calibrated = false,
                                          double* packing = nullptr) {
  const auto options = config::find_architecture(architecture).model;
  const VisionTransformer model(options);
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : model::state_dict(*model))
    tensors.emplace(name, tensor.detach());
  static constexpr std::array kScale{0.05F, -6.4F};  // and offset
  const auto weights = [&](const std::string& name) -> std::optional<engine::WeightView> {
    if (calibrated && name.ends_with(state_dict::kInputScale))
      return engine::WeightView{{2}, kScale, nullptr};
    const auto found = tensors.find(name);
    if (found == tensors.end()) return std::nullopt;
    const auto& tensor = found->second;
    return engine::WeightView{
        tensor.sizes().vec(),
        {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())},
        nullptr};
  };
  const auto begin = std::chrono::steady_clock::now();
  engine::PackedEngine engine(options, weights, how);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
  if (packing != nullptr) *packing = taken.count();
  return engine;
}

/// A batch of grey images for an architecture.
class SameImages {
 public:
  SameImages(const std::string& architecture, std::int64_t batch) {
    const auto model = config::find_architecture(architecture).model;
    const auto [height, width] = model.img_size();
    pixels_.assign(static_cast<std::size_t>(batch * model.in_c() * height * width), 0.5F);
    input_ = {pixels_.data(), batch, model.in_c(), height, width};
  }
  SameImages(const SameImages&) = delete;
  SameImages& operator=(const SameImages&) = delete;

  const engine::Input& input() const { return input_; }

 private:
  std::vector<float> pixels_;
  engine::Input input_;
};

}  // namespace vit::bench
