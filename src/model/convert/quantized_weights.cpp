#include "model/convert/quantized_weights.h"

#include <ATen/Functions.h>

#include <array>

#include "vit/core/error.h"

namespace vit::model {
namespace {

using state_dict::kInputScale;
using state_dict::kScale;

bool is_linear_of_block(const Weight& weight) {
  if (!weight.name.starts_with("block.") || !weight.name.ends_with(".weight")) return false;
  const auto meta = weight.meta();
  return meta.dim() == 2 && meta.is_floating_point();
}

QuantizedWeight quantize_named(const Weight& weight, const torch::Tensor& moments) {
  try {
    return quantize(to_torch(weight.tensor()), moments);
  } catch (const DataError& error) {
    throw DataError("tensor '{}': {}", weight.name, error.what());
  }
}

/// The int8 tensor and its scale, computed once, when the first of them is written.
std::array<Weight, 2> parts_of(const Weight& weight, const torch::Tensor& moments) {
  auto values = weight, scale = weight;
  for (auto* part : {&values, &scale})
    part->steps.emplace_back(moments.defined() ? "quantized, calibrated" : "quantized");
  scale.name += kScale;
  const auto known_scale = std::make_shared<torch::Tensor>();
  values.make = [weight, moments, known_scale](bool meta) {
    if (meta) return state_dict::Tensor::meta(io::DType::kI8, weight.meta().shape());
    const auto result = quantize_named(weight, moments);
    *known_scale = result.scale;
    return from_torch(result.values);
  };
  scale.make = [weight, moments, known_scale](bool meta) {
    if (meta) return state_dict::Tensor::meta(io::DType::kF32, {weight.meta().size(0)});
    return from_torch(known_scale->defined() ? *known_scale
                                             : quantize_named(weight, moments).scale);
  };
  return {std::move(values), std::move(scale)};
}

}  // namespace

std::vector<Weight> quantized(std::vector<Weight> weights, const Calibration& calibration) {
  std::vector<Weight> result;
  for (auto& weight : weights) {
    if (!is_linear_of_block(weight)) {
      result.push_back(std::move(weight));
      continue;
    }
    const auto found = calibration.find(weight.name);
    const auto seen = found == calibration.end() ? LayerCalibration() : found->second;
    for (auto& part : parts_of(weight, seen.moments)) result.push_back(std::move(part));
    if (seen.input_scale.defined())
      result.push_back(created(weight.name + std::string(kInputScale), "calibrated",
                               [scale = from_torch(seen.input_scale)](bool meta) {
                                 return meta
                                            ? state_dict::Tensor::meta(scale.dtype(), scale.shape())
                                            : scale;
                               }));
  }
  return result;
}

}  // namespace vit::model
