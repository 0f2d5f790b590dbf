#include "vit/config/registry.h"

#include <algorithm>
#include <map>

#include "config/registry_data.h"
#include "vit/config/timm_arguments.h"
#include "vit/core/nearest.h"

namespace vit::config {
namespace {

constexpr const char* kSeedSuffix = ".seed";

/// Architectures of this project, in our own form of configuration.
constexpr const char* kOwnArchitectures = R"json({
"vit_mini_patch4_28": {
  "model": {"img_size": 28, "patch_size": 4, "in_c": 1, "num_classes": 10, "embed_dim": 96,
            "depth": 6, "num_heads": 6},
  "preprocessing": {"mean": [0.2860], "std": [0.3530], "crop_pct": 1.0,
                    "interpolation": "bilinear"}}
})json";

const Json& own_architectures() {
  static const Json json = Json::parse(kOwnArchitectures);
  return json;
}

const Json& timm_registry() {
  static const Json json = Json::parse(kRegistryJson);
  return json;
}

bool ends_with_seed(const std::string& name) { return name.ends_with(kSeedSuffix); }

/// The registry's form of a tag, with the defaults filled in.
Json tag_entry(const std::string& architecture, const std::string& tag) {
  Json entry = timm_registry()["tag_defaults"];
  const auto& tags = timm_registry()["tags"];
  if (const auto found = tags.find(architecture); found != tags.end() && !found->empty()) {
    const auto& chosen = tag.empty() ? found->front() : found->at(tag);
    entry.update(chosen);
  }
  return entry;
}

Preprocessing tag_preprocessing(const Json& entry) {
  Preprocessing preprocessing;
  preprocessing.mean = entry["mean"].get<std::vector<double>>();
  preprocessing.std = entry["std"].get<std::vector<double>>();
  preprocessing.interpolation = entry["interpolation"];
  preprocessing.crop_pct = entry["crop_pct"];
  preprocessing.crop_mode = entry["crop_mode"];
  return preprocessing;
}

/// What timm's `_update_default_model_kwargs` (timm/models/_builder.py) takes from a tag.
Json with_tag_defaults(Json arguments, const Json& entry) {
  const auto& input = entry["input_size"];
  const Json taken = {{"num_classes", entry["num_classes"]},
                      {"in_chans", input[0]},
                      {"img_size", Json::array({input[1], input[2]})}};
  for (const auto& [key, value] : taken.items()) {
    if (key == "img_size" && !entry["fixed_input_size"].get<bool>()) continue;
    if (!arguments.contains(key)) arguments[key] = value;
  }
  return arguments;
}

ModelConfig timm_architecture(const std::string& name, const std::string& tag) {
  const auto& arguments = timm_registry()["architectures"][name];
  const auto entry = tag_entry(name, tag);
  ModelConfig config;
  config.architecture = tag.empty() ? name : name + "." + tag;
  config.model = timm_options(with_tag_defaults(arguments, entry), name);
  config.preprocessing = tag_preprocessing(entry);
  config.preprocessing_known = true;
  return config;
}

/// The seed's model in the sizes of timm's architecture of that name.
ModelConfig seed_architecture(const std::string& name) {
  const auto& arguments = timm_registry()["architectures"][name];
  const auto timm = timm_architecture(name, "").model;
  for (const auto& [key, value] : arguments.items())
    if (!is_seed_argument(key))
      throw UsageError("{}{}: the seed's model has no '{}'", name, kSeedSuffix, key);
  ModelConfig config;
  config.architecture = name + kSeedSuffix;
  config.model.img_size(timm.img_size())
      .patch_size(timm.patch_size())
      .embed_dim(timm.embed_dim())
      .depth(timm.depth())
      .num_heads(timm.num_heads())
      .mlp_ratio(timm.mlp_ratio())
      .qkv_bias(timm.qkv_bias())
      .distilled(timm.distilled());
  return config;
}

ModelConfig own_architecture(const std::string& name) {
  auto config = config_from_json(own_architectures()[name], name);
  config.architecture = name;
  return config;
}

[[noreturn]] void unknown(const std::string& name, const std::vector<std::string>& candidates) {
  const auto guess = nearest(name, candidates);
  throw UsageError(
      "unknown architecture '{}'{}", name,
      guess.empty() ? " (`architecture_names` lists them)" : ": did you mean '" + guess + "'?");
}

/// Architectures that timm does not have cannot be said in timm's words.
void refuse_own(const std::string& name) {
  if (own_architectures().contains(name) || ends_with_seed(name))
    throw UsageError(
        "architecture '{}' is not one of timm's: its options stand under 'model', not under "
        "timm's keys",
        name);
}

void check_tag(const std::string& architecture, const std::string& tag) {
  const auto& tags = timm_registry()["tags"];
  const auto found = tags.find(architecture);
  if (tag.empty() || (found != tags.end() && found->contains(tag))) return;
  std::string known = std::string(kSeedSuffix).substr(1);
  if (found != tags.end())
    for (const auto& [name, entry] : found->items())
      if (!name.empty()) known += ", " + name;
  throw UsageError("{}: unknown tag '{}' (there are: {})", architecture, tag, known);
}

}  // namespace

std::string timm_architecture_name(const std::string& name) {
  const auto& aliases = timm_registry()["aliases"];
  const auto alias = aliases.find(name);
  const auto current = alias == aliases.end() ? name : alias->get<std::string>();
  return current.substr(0, current.find('.'));
}

const Json& architecture_arguments(const std::string& name) {
  refuse_own(name);
  const auto& architectures = timm_registry()["architectures"];
  const auto found = architectures.find(timm_architecture_name(name));
  if (found == architectures.end()) unknown(name, architecture_names());
  return *found;
}

Json architecture_entry(const std::string& name) {
  refuse_own(name);
  const auto& aliases = timm_registry()["aliases"];
  const auto alias = aliases.find(name);
  const auto current = alias == aliases.end() ? name : alias->get<std::string>();
  const auto dot = current.find('.');
  const auto architecture = current.substr(0, dot);
  const auto tag = dot == std::string::npos ? "" : current.substr(dot + 1);
  if (!timm_registry()["architectures"].contains(architecture)) unknown(name, architecture_names());
  check_tag(architecture, tag);
  return tag_entry(architecture, tag);
}

std::vector<std::string> architecture_names() {
  std::vector<std::string> names{"vit_base_patch16_224.seed"};
  for (const auto& [name, config] : own_architectures().items()) names.push_back(name);
  for (const auto& [name, arguments] : timm_registry()["architectures"].items())
    if (unsupported_argument(arguments).empty()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

ModelConfig find_architecture(const std::string& name) {
  const auto& aliases = timm_registry()["aliases"];
  if (const auto alias = aliases.find(name); alias != aliases.end())
    return find_architecture(alias->get<std::string>());
  if (own_architectures().contains(name)) return own_architecture(name);
  const auto dot = name.find('.');
  const auto architecture = name.substr(0, dot);
  const auto tag = dot == std::string::npos ? "" : name.substr(dot + 1);
  if (!timm_registry()["architectures"].contains(architecture)) unknown(name, architecture_names());
  if (ends_with_seed(name) && tag == "seed") return seed_architecture(architecture);
  check_tag(architecture, tag);
  return timm_architecture(architecture, tag);
}

}  // namespace vit::config
