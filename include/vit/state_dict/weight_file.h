// Any file or folder that holds weights, opened: its tensors and whatever it says of the model.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "vit/core/json.h"
#include "vit/core/log.h"
#include "vit/io/tensor_table.h"

namespace vit::state_dict {

struct WeightFile {
  std::filesystem::path path;  ///< of the weights themselves
  std::string format;          ///< safetensors, torch or npz
  std::string state_key;       ///< of a checkpoint's entry that holds them; empty: the file itself
  io::TensorTable tensors;
  std::optional<Json> own_config;   ///< `vit.config` of a model file
  std::optional<Json> timm_config;  ///< `config.json` of a folder
};

struct WeightFileOptions {
  std::string state_key;  ///< entry of a training checkpoint; empty: the usual ones
  bool check_crc = true;
};

/// A `.safetensors`, `.pt/.pth/.bin/.ckpt` or `.npz` file (by suffix, else by its first bytes), or
/// a folder with `config.json` beside the weights. Throws DataError, IoError.
WeightFile open_weight_file(const std::filesystem::path& path,
                            const WeightFileOptions& options = {}, Log* log = nullptr);

/// A JSON document. Throws DataError (no JSON, or nested too deep), IoError. `where` names it.
Json parse_json(const std::string& text, const std::string& where);
Json read_json(const std::filesystem::path& path);

}  // namespace vit::state_dict
