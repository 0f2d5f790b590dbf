#include "model/quantized_weights.h"

#include <ATen/Functions.h>

#include <array>
#include <set>

#include "vit/core/error.h"

namespace vit::model {
namespace {

constexpr std::string_view kScale = "_scale";

bool is_linear_of_block(const Weight& weight) {
  if (!weight.name.starts_with("block.") || !weight.name.ends_with(".weight")) return false;
  const auto meta = weight.meta();
  return meta.dim() == 2 && meta.is_floating_point();
}

QuantizedWeight quantize_named(const Weight& weight, const torch::Tensor& moments) {
  try {
    return quantize(weight.tensor(), moments);
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
    if (meta) return weight.meta().to(at::kChar);
    const auto result = quantize_named(weight, moments);
    *known_scale = result.scale;
    return result.values;
  };
  scale.make = [weight, moments, known_scale](bool meta) {
    const auto shape = weight.meta();
    if (meta) return at::empty({shape.size(0)}, shape.options().dtype(at::kFloat));
    return known_scale->defined() ? *known_scale : quantize_named(weight, moments).scale;
  };
  return {std::move(values), std::move(scale)};
}

}  // namespace

std::vector<Weight> quantized(std::vector<Weight> weights, const InputMoments& moments) {
  std::vector<Weight> result;
  for (auto& weight : weights) {
    if (!is_linear_of_block(weight)) {
      result.push_back(std::move(weight));
      continue;
    }
    const auto found = moments.find(weight.name);
    const auto seen = found == moments.end() ? torch::Tensor() : found->second;
    for (auto& part : parts_of(weight, seen)) result.push_back(std::move(part));
  }
  return result;
}

std::vector<Weight> dequantized(std::vector<Weight> weights, const std::string& where) {
  std::set<std::string> used;
  for (auto& weight : weights) {
    if (weight.meta().scalar_type() != at::kChar) continue;
    auto* scale = find(weights, weight.name + std::string(kScale));
    if (scale == nullptr) continue;
    const auto values = weight.meta(), rows = scale->meta();
    if (values.dim() != 2 || rows.dim() != 1 || rows.size(0) != values.size(0))
      throw DataError("{}: tensor '{}': expected one scale a row of {}, found {}", where,
                      scale->name, values.sizes().vec(), rows.sizes().vec());
    used.insert(scale->name);
    auto name = weight.name;
    weight = merged(
        std::move(name), {weight, *scale}, "dequantized",
        [](const std::vector<torch::Tensor>& parts) { return dequantize(parts[0], parts[1]); });
  }
  std::erase_if(weights, [&](const Weight& weight) { return used.contains(weight.name); });
  return weights;
}

}  // namespace vit::model
