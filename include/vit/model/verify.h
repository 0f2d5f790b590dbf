// A model's outputs, layer by layer, against somebody else's.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vit/model/weights.h"

namespace vit::model {

struct VerifyRow {
  std::string name;       ///< as the reference names it
  double difference = 0;  ///< largest absolute difference; NaN where a value is NaN
  double tolerance = 0;   ///< what was allowed
  bool passed = false;
};

/// Runs `model` on the reference's `input` and compares its `output` and every tensor that is named
/// after a module (`patch_embed`, `block.0` or `blocks.0`, `norm`, `head`, …). `atol`: absolute;
/// none: 1e-5 of the reference's largest value. `reference`: safetensors or npz.
/// Throws DataError (no `input`, wrong shapes, an unknown module, NaN in the weights), IoError.
std::vector<VerifyRow> verify(VisionTransformer model, const std::filesystem::path& reference,
                              std::optional<double> atol = std::nullopt);

}  // namespace vit::model
