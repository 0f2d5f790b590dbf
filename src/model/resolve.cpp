#include "model/resolve.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <array>

#include "model/adapt.h"
#include "model/fit.h"
#include "model/timm/key_map.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/model/registry.h"

namespace vit::model {
namespace {

/// Keys that timm's config.json has and our own form does not.
constexpr std::array kTimmKeys{"pretrained_cfg", "num_features", "model_args", "input_size",
                               "num_classes",    "mean",         "label_names"};

bool is_timm_json(const Json& json) {
  return json.is_object() && std::any_of(kTimmKeys.begin(), kTimmKeys.end(),
                                         [&](const char* key) { return json.contains(key); });
}

ModelConfig config_of(Json json, const std::string& where, const std::string& architecture,
                      Log* log) {
  if (!architecture.empty() && json.is_object()) json["architecture"] = architecture;
  if (!is_timm_json(json)) return config_from_json(json, where);
  std::vector<std::string> warnings;
  auto config = config_from_timm_json(json, where, warnings);
  if (log != nullptr)
    for (const auto& warning : warnings) log->warning("{}", warning);
  return config;
}

const Weight* find(const std::vector<Weight>& weights, std::string_view name) {
  const auto found = std::find_if(weights.begin(), weights.end(),
                                  [&](const Weight& weight) { return weight.name == name; });
  return found == weights.end() ? nullptr : &*found;
}

/// The class count of a file that says nothing but its tensors: the head's rows.
std::int64_t classes_of_head(const std::vector<Weight>& weights) {
  const auto* head = find(weights, "head.weight");
  if (head == nullptr) return 0;
  const auto shape = head->meta();
  return shape.dim() == 2 ? shape.size(0) : 0;
}

ModelConfig config_by_architecture(const WeightFile& file, const LoadOptions& options,
                                   const std::vector<Weight>& weights, Log* log) {
  auto config = find_architecture(options.architecture);
  const auto classes = classes_of_head(weights);
  if (classes != config.model.num_classes() && log != nullptr)
    log->info("{}: {} classes, from the head's shape ({} has {})", file.path.string(), classes,
              config.architecture, config.model.num_classes());
  config.model.num_classes(classes);
  return config;
}

}  // namespace

NamedWeights name_weights(const WeightFile& file) {
  NamedWeights named;
  named.dialect = "native";
  for (const auto& entry : file.tensors.entries()) {
    auto weight = weight_of(entry);
    if (!file.own_config) {
      const auto bare = TimmKeyMap::without_wrappers(weight.name);
      weight.name = TimmKeyMap::to_native(bare);
      if (weight.name != bare) named.dialect = "timm";
    }
    named.weights.push_back(std::move(weight));
  }
  return named;
}

bool says_architecture(const WeightFile& file, const LoadOptions& options) {
  return !options.config_file.empty() || !options.architecture.empty() || file.own_config ||
         file.timm_config;
}

ModelConfig resolve_config(const WeightFile& file, const LoadOptions& options,
                           const std::vector<Weight>& weights, Log* log) {
  if (!options.config_file.empty())
    return config_of(read_json(options.config_file), options.config_file.string(),
                     options.architecture, log);
  if (file.own_config) return config_of(*file.own_config, file.path.string(), "", log);
  if (file.timm_config)
    return config_of(*file.timm_config, (file.path.parent_path() / "config.json").string(),
                     options.architecture, log);
  if (!options.architecture.empty()) return config_by_architecture(file, options, weights, log);
  throw UsageError("{}: the file does not say its architecture: give --arch or --config",
                   file.path.string());
}

ResolvedModel resolve_model(const std::filesystem::path& path, const LoadOptions& options,
                            Log* log) {
  const auto file = open_weight_file(path, {options.state_key, options.check_crc}, log);
  auto named = name_weights(file);
  ResolvedModel resolved;
  resolved.format = file.format;
  resolved.dialect = std::move(named.dialect);
  resolved.config = resolve_config(file, options, named.weights, log);
  adapt_weights(named.weights, resolved.config, options.adapt, log);
  check_config(resolved.config, path.string());
  const VisionTransformer meta(resolved.config.model, at::device(at::kMeta));
  auto fitted =
      fit_weights(*meta, std::move(named.weights), {path.string(), options.drop_unused}, log);
  resolved.weights = std::move(fitted.weights);
  resolved.dropped = std::move(named.dropped);
  resolved.dropped.insert(resolved.dropped.end(), fitted.dropped.begin(), fitted.dropped.end());
  return resolved;
}

}  // namespace vit::model
