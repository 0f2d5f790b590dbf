#include "model/load/write.h"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include "vit/core/error.h"
#include "vit/model/weights.h"

namespace vit::model {
namespace {

constexpr double kLargestHalf = 65504;

/// Whether a finite value becomes an infinity in float16.
bool overflows_half(const torch::Tensor& value, const torch::Tensor& half) {
  if (value.numel() == 0) return false;
  const auto [low, high] = at::aminmax(value);
  const bool inside = low.item<double>() >= -kLargestHalf && high.item<double>() <= kLargestHalf;
  if (inside) return false;  // and there is no NaN, which is neither
  return at::logical_and(at::isinf(half), at::logical_not(at::isinf(value))).any().item<bool>();
}

torch::Tensor converted(const Weight& weight, std::optional<io::DType> dtype,
                        const std::filesystem::path& path) {
  const c10::NoGradGuard no_grad;
  auto value = to_torch(weight.tensor());
  if (!dtype || !value.is_floating_point()) return value.cpu().contiguous();
  auto stored = value.to(to_scalar_type(*dtype));
  if (*dtype == io::DType::kF16 && overflows_half(value, stored))
    throw DataError("{}: tensor '{}': a value does not fit float16", path.string(), weight.name);
  return stored.cpu().contiguous();
}

}  // namespace

io::Metadata model_metadata(const ModelConfig& config) {
  return {{"format", "pt"}, {"vit.config", to_json(config).dump()}};
}

void write_weights(const std::filesystem::path& path, const std::vector<Weight>& weights,
                   std::optional<io::DType> dtype, const io::Metadata& metadata) {
  // The tensor whose turn it is; the next one takes its place.
  const auto current = std::make_shared<torch::Tensor>();
  std::vector<io::TensorToWrite> tensors;
  for (const auto& weight : weights) {
    const auto shape = weight.meta();
    const auto type = dtype && shape.is_floating_point() ? *dtype : shape.dtype();
    const auto data = [&weight, dtype, current, path] {
      *current = converted(weight, dtype, path);
      return std::span(static_cast<const std::byte*>(current->const_data_ptr()), current->nbytes());
    };
    tensors.push_back({weight.name, type, shape.shape(), data});
  }
  io::write_safetensors(path, tensors, metadata);
}

}  // namespace vit::model
