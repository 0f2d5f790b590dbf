// From any supported file to a model file or to a folder that timm loads.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vit/core/file_roles.h"
#include "vit/core/json.h"
#include "vit/engine/weights.h"
#include "vit/model/quantize.h"
#include "vit/model/weights.h"

namespace vit::model {

/// What replaces parts of the preprocessing that the input says.
struct PreprocessingOverrides {
  std::optional<std::vector<double>> mean, std;
  std::optional<double> crop_pct;
  std::optional<std::string> crop_mode, interpolation;
  std::optional<std::int64_t> pillow;
};

enum class Dialect { kNative, kTimm };

struct ConvertOptions {
  LoadOptions load;
  Dialect to = Dialect::kNative;
  /// Of the stored floating-point tensors; none: as they are; kI8: model/quantize.h's form.
  std::optional<io::DType> dtype;
  /// With kI8: what the linear layers of the model, as it will be stored, see.
  std::function<Calibration(const ModelConfig&, const engine::WeightLookup&)> calibrate;
  std::filesystem::path labels_file;  ///< class names (read_labels); empty: those of the input
  PreprocessingOverrides preprocessing;
  bool force = false;  ///< replace an output that exists
};

/// Names to `roles` every file that convert reads and writes. Throws UsageError where an output is
/// an input, IoError where it exists and `force` is not set.
void claim_files(FileRoles& roles, const std::filesystem::path& input,
                 const std::filesystem::path& output, const ConvertOptions& options);

/// Writes `output` whole or not at all: a model file, or (`Dialect::kTimm`) a folder with
/// config.json and model.safetensors; other files of a folder that exists stay. Returns the report:
/// what was mapped to what, made, dropped. Throws DataError, IoError, UsageError.
Json convert(const std::filesystem::path& input, const std::filesystem::path& output,
             const ConvertOptions& options, Log* log = nullptr);

/// Class names, one a line (LF or CR LF, after a byte order mark or none). Throws DataError where
/// the text is not UTF-8 or a line is empty, IoError.
std::vector<std::string> read_labels(const std::filesystem::path& path);

}  // namespace vit::model
