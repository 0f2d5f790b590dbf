// The folder that timm.create_model('local-dir:FOLDER', pretrained=True) loads.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/load/weight.h"
#include "vit/config/model_config.h"
#include "vit/core/json.h"
#include "vit/io/tensor_table.h"

namespace vit::model {

/// timm's config.json. Throws DataError, opened by `where`, where no model of timm's is this one.
Json timm_config_json(const ModelConfig& config, const std::string& where);

inline constexpr std::array kTimmFolderFiles{"config.json", "model.safetensors"};

/// Writes kTimmFolderFiles (timm's names), by AtomicFolder: a folder that exists keeps its other
/// files. Throws IoError.
void write_timm_folder(const std::filesystem::path& folder, std::vector<Weight> weights,
                       const Json& config, std::optional<io::DType> dtype);

}  // namespace vit::model
