// A golden file as tensors, and how close to it is close enough.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "vit/core/json.h"
#include "vit/model/vision_transformer.h"

namespace vit::testing {

struct Golden {
  Json config;                                   ///< the `model` keys
  std::vector<std::string> state_dict;           ///< Python's names in Python's order
  std::map<std::string, torch::Tensor> tensors;  ///< float64

  const torch::Tensor& operator[](const std::string& name) const { return tensors.at(name); }
  bool has(const std::string& name) const { return tensors.contains(name); }
};

/// The seed's model for 8×8 images, patches of 4, 5 classes, 3 heads, 12 wide.
VisionTransformerOptions small_options(std::int64_t depth);

/// `tests/golden/<name>.safetensors`.
Golden read_golden(const std::string& name);

/// The names of the golden files of `tests/golden/<folder>`, sorted.
std::vector<std::string> golden_names(const std::string& folder);

/// A model in float64 whose parameters are the golden file's; names, order and shapes must be
/// equal.
model::VisionTransformer build_golden_model(const Golden& golden, VisionTransformerOptions options,
                                            const model::VisionTransformerLayers& layers = {});

/// max |a − b| / max |b|; infinite where shapes differ or a value is not finite.
double relative_difference(const torch::Tensor& a, const torch::Tensor& b);

/// Sets the probability of every Dropout and DropPath to 0.
void switch_random_parts_off(torch::nn::Module& module);

}  // namespace vit::testing
