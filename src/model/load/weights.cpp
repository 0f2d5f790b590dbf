#include "vit/model/weights.h"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include <array>

#include "model/load/resolve.h"
#include "model/load/write.h"
#include "vit/core/error.h"
#include "vit/io/safetensors.h"
#include "vit/runtime/device.h"

namespace vit::model {
namespace {

struct TypePair {
  io::DType ours;
  torch::ScalarType theirs;
};
constexpr std::array kTypes{
    TypePair{io::DType::kBool, torch::kBool}, TypePair{io::DType::kU8, torch::kByte},
    TypePair{io::DType::kI8, torch::kChar},   TypePair{io::DType::kI16, torch::kShort},
    TypePair{io::DType::kI32, torch::kInt},   TypePair{io::DType::kI64, torch::kLong},
    TypePair{io::DType::kF16, torch::kHalf},  TypePair{io::DType::kBF16, torch::kBFloat16},
    TypePair{io::DType::kF32, torch::kFloat}, TypePair{io::DType::kF64, torch::kDouble},
};

/// Puts `weights` (in the order of the model's state dict) in the place of the model's own.
void assign(VisionTransformerImpl& model, const std::vector<Weight>& weights) {
  const c10::NoGradGuard no_grad;
  auto slots = state_dict(model);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    auto value = to_torch(weights[i].tensor());
    if (value.is_floating_point()) value = value.to(slots[i].second.scalar_type());
    slots[i].second.set_data(value.to(slots[i].second.device()).contiguous());
  }
}

}  // namespace

torch::ScalarType to_scalar_type(io::DType dtype) {
  for (const auto& pair : kTypes)
    if (pair.ours == dtype) return pair.theirs;
  throw DataError("type {}: not supported", io::name_of(dtype));
}

io::DType to_dtype(torch::ScalarType type) {
  for (const auto& pair : kTypes)
    if (pair.theirs == type) return pair.ours;
  throw DataError("type {}: not supported", c10::toString(type));
}

torch::Tensor to_tensor(const io::TensorEntry& entry) { return to_torch(state_dict::read(entry)); }

LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options, Log* log) {
  return make_model(resolve_model(path, options, log), options.device);
}

LoadedModel make_model(ResolvedModel resolved, c10::Device device) {
  VisionTransformer model(resolved.config.model, at::dtype(torch::kFloat),
                          VisionTransformerLayers{}, /*init=*/false);
  assign(*model, resolved.weights);
  model->to(device);
  model->eval();
  return {std::move(resolved.config), std::move(model)};
}

void assign_weights(VisionTransformerImpl& model, const io::TensorTable& tensors) {
  std::vector<Weight> weights;
  for (const auto& entry : tensors.entries()) weights.push_back(state_dict::weight_of(entry));
  auto fitted = state_dict::fit_weights(expected_weights(model), std::move(weights),
                                        {tensors.source(), false}, nullptr);
  assign(model, fitted.weights);
}

void save_model(const std::filesystem::path& path, const VisionTransformerImpl& model,
                const ModelConfig& config, std::optional<io::DType> dtype) {
  std::vector<Weight> weights;
  for (auto& [name, tensor] : state_dict(model)) {
    auto make = [value = tensor.detach()](bool meta) {
      return from_torch(meta ? value.to(at::kMeta) : value);
    };
    weights.push_back({name, {name}, {}, std::move(make)});
  }
  write_weights(path, weights, dtype, model_metadata(config));
}

}  // namespace vit::model
