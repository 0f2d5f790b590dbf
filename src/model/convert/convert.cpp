#include "vit/model/convert.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "model/convert/quantized_weights.h"
#include "model/convert/timm_folder.h"
#include "model/load/resolve.h"
#include "model/load/write.h"
#include "vit/config/timm_names.h"
#include "vit/core/byte_order_mark.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/text.h"

namespace vit::model {
namespace fs = std::filesystem;
namespace {

template <class T>
bool override_with(T& field, const std::optional<T>& value) {
  if (value) field = *value;
  return value.has_value();
}

/// One value a channel, or one for all.
void expect_channels(const ModelConfig& config, const char* name,
                     const std::optional<std::vector<double>>& values) {
  if (!values || values->size() == 1) return;
  const auto channels = config.model.in_c();
  if (static_cast<std::int64_t>(values->size()) != channels)
    throw UsageError("{}: expected {}, found {} values", name,
                     channels == 1
                         ? "one value, for one channel"
                         : format("{} values, one per channel, or a single one", channels),
                     values->size());
}

void override_preprocessing(ModelConfig& config, const PreprocessingOverrides& overrides,
                            const std::string& where, Log* log) {
  auto& preprocessing = config.preprocessing;
  expect_channels(config, "mean", overrides.mean);
  expect_channels(config, "std", overrides.std);
  if (overrides.std)
    for (const double value : *overrides.std)
      if (value <= 0) throw UsageError("std: expected positive values, found {}", value);
  const bool mean = override_with(preprocessing.mean, overrides.mean);
  const bool std = override_with(preprocessing.std, overrides.std);
  override_with(preprocessing.crop_pct, overrides.crop_pct);
  override_with(preprocessing.crop_mode, overrides.crop_mode);
  override_with(preprocessing.interpolation, overrides.interpolation);
  override_with(preprocessing.pillow, overrides.pillow);
  match_channels(config, where, 1);
  if (config.preprocessing_known || (mean && std) || log == nullptr) return;
  log->info("{}: nothing says the preprocessing: stored are mean {}, std {}, {}, crop_pct {}",
            where, preprocessing.mean, preprocessing.std, preprocessing.interpolation,
            preprocessing.crop_pct);
}

Json mapping_of(const std::vector<Weight>& weights, Dialect to) {
  Json mapped = Json::array();
  for (const auto& weight : weights) {
    const auto tensor = weight.meta();
    mapped.push_back(
        {{"to", to == Dialect::kTimm ? config::TimmKeyMap::to_timm(weight.name) : weight.name},
         {"from", weight.sources},
         {"steps", weight.steps},
         {"shape", tensor.shape()},
         {"dtype", io::name_of(tensor.dtype())}});
  }
  return mapped;
}

/// A folder as output: new, or replaced file by file.
void claim_folder(FileRoles& roles, const fs::path& output, bool force) {
  roles.writes_folder(output);
  const auto status = fs::status(output);
  if (fs::exists(status) && !fs::is_directory(status))
    throw IoError("{}: expected a folder or nothing, found a file", output.string());
  if (fs::exists(status) && !force)
    throw IoError("{}: exists already (`force` replaces it)", output.string());
  for (const char* name : kTimmFolderFiles) roles.writes(output / name, force);
}

Calibration calibration_for(const ResolvedModel& resolved, const ConvertOptions& options) {
  if (!options.calibrate) return {};
  const auto weights = [&](const std::string& name) -> std::optional<engine::WeightView> {
    const auto* weight = find(resolved.weights, name);
    if (weight == nullptr) return std::nullopt;
    const auto tensor = weight->tensor();
    auto values = std::make_shared<const std::vector<float>>(tensor.floats());
    return engine::WeightView{tensor.shape(), *values, values};
  };
  return options.calibrate(resolved.config, weights);
}

}  // namespace

std::vector<std::string> read_labels(const fs::path& path) {
  auto text = read_file(path);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  if (!is_utf8(text)) throw DataError("{}: expected UTF-8 text", path.string());
  std::vector<std::string> labels;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty())
      throw DataError("{}: line {}: expected a class name, found an empty line", path.string(),
                      labels.size() + 1);
    labels.push_back(std::move(line));
    begin = end + 1;
  }
  if (labels.empty()) throw DataError("{}: expected class names, one a line", path.string());
  return labels;
}

void claim_files(FileRoles& roles, const fs::path& input, const fs::path& output,
                 const ConvertOptions& options) {
  roles.reads(input);
  std::error_code ignored;
  if (fs::is_directory(input, ignored))
    for (const auto& entry : fs::directory_iterator(input, ignored)) roles.reads(entry.path());
  if (!options.load.config_file.empty()) roles.reads(options.load.config_file);
  if (options.to == Dialect::kTimm)
    claim_folder(roles, output, options.force);
  else
    roles.writes(output, options.force);
}

/// Says what is lost of an int8 model unasked.
void warn_of_int8(const ResolvedModel& resolved, const ConvertOptions& options,
                  const fs::path& input, Log* log) {
  const auto& weights = resolved.weights;
  if (log == nullptr || !state_dict::holds_int8(weights)) return;
  const bool calibrated = std::any_of(weights.begin(), weights.end(), [](const auto& weight) {
    return static_cast<bool>(weight.input_scale);
  });
  if (!options.dtype)
    log->warning("{}: its int8 weights are written as float32 (dtype int8 keeps them int8)",
                 input.string());
  else if (calibrated && options.dtype == io::DType::kI8 && !options.calibrate)
    log->warning("{}: the scales of what layers read are left out (calibrate makes new ones)",
                 input.string());
}

Json convert(const fs::path& input, const fs::path& output, const ConvertOptions& options,
             Log* log) {
  FileRoles roles;
  claim_files(roles, input, output, options);
  if (options.dtype == io::DType::kI8 && options.to == Dialect::kTimm)
    throw UsageError("dtype int8: timm has no form for it; `to` native has");
  auto resolved = resolve_model(input, options.load, log);
  auto& config = resolved.config;
  override_preprocessing(config, options.preprocessing, input.string(), log);
  if (!options.labels_file.empty()) {
    auto labels = read_labels(options.labels_file);
    if (std::ssize(labels) != config.model.num_classes())
      throw DataError("{}: expected {} class names, one a line, found {}",
                      options.labels_file.string(), config.model.num_classes(), labels.size());
    set_labels(config, std::move(labels));
  }
  check_config(config, input.string());
  if (log != nullptr)
    for (const auto& name : resolved.dropped) log->info("{}: left out {}", input.string(), name);

  auto dtype = options.dtype;
  warn_of_int8(resolved, options, input, log);
  if (dtype == io::DType::kI8) {
    resolved.weights = quantized(resolved.weights, calibration_for(resolved, options));
    dtype.reset();
  }

  Json report = {
      {"input", printable(input.string())}, {"output", printable(output.string())},
      {"format", resolved.format},          {"dialect", resolved.dialect},
      {"config", to_json(config)},          {"tensors", mapping_of(resolved.weights, options.to)},
      {"dropped", resolved.dropped}};
  if (options.to == Dialect::kTimm) {
    write_timm_folder(output, std::move(resolved.weights), timm_config_json(config, input.string()),
                      dtype);
  } else {
    write_weights(output, resolved.weights, dtype, model_metadata(config));
  }
  return report;
}

}  // namespace vit::model
