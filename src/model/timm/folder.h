// The folder that timm.create_model('local-dir:FOLDER', pretrained=True) loads.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/weight.h"
#include "vit/config/model_config.h"
#include "vit/core/json.h"
#include "vit/io/tensor_table.h"

namespace vit::model {

/// timm's config.json. Throws DataError, opened by `where`, where no model of timm's is this one.
Json timm_config_json(const ModelConfig& config, const std::string& where);

/// Writes config.json and model.safetensors (timm's names). A new folder appears whole or not at
/// all; in one that exists, each file is replaced.
void write_timm_folder(const std::filesystem::path& folder, std::vector<Weight> weights,
                       const Json& config, std::optional<io::DType> dtype);

}  // namespace vit::model
