// Weights as a safetensors file, one tensor in memory at a time.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "model/load/weight.h"
#include "vit/config/model_config.h"
#include "vit/io/safetensors.h"

namespace vit::model {

/// What a model file's `__metadata__` holds.
io::Metadata model_metadata(const ModelConfig& config);

/// `dtype`: of the floating-point tensors; none: as they are. Throws DataError where a value does
/// not fit `dtype`, IoError.
void write_weights(const std::filesystem::path& path, const std::vector<Weight>& weights,
                   std::optional<io::DType> dtype, const io::Metadata& metadata);

}  // namespace vit::model
