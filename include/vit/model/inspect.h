// What a file is, without reading its tensors' data.
#pragma once

#include <filesystem>
#include <string>

#include "vit/core/json.h"
#include "vit/model/weights.h"

namespace vit::model {

/// {"file", "format", "dialect", "architecture", "model", "preprocessing", "labels",
/// "parameters", "problem", "tensors": [{"name", "shape", "dtype"}]}. `model` and what follows
/// from it are null where nothing says the architecture; `problem` is null where every tensor fits.
/// Throws DataError, IoError.
Json inspect(const std::filesystem::path& path, const LoadOptions& options = {},
             Log* log = nullptr);

/// The same for people: a few lines of `key value`, then a line a tensor.
std::string inspect_text(const Json& inspected);

}  // namespace vit::model
