// timm's and the Hub's config.json, as timm reads it (timm/models/_hub.py and _builder.py, 1.0.31).
#include <algorithm>
#include <array>

#include "config/registry_data.h"
#include "vit/config/model_config.h"
#include "vit/config/registry.h"
#include "vit/config/timm_arguments.h"
#include "vit/core/contains.h"

namespace vit::config {
namespace {

constexpr std::array<std::string_view, 10> kTopKeys{
    "architecture", "num_classes", "num_features",       "global_pool", "model_args",
    "label_names",  "labels",      "label_descriptions", "license",     "pretrained_cfg"};

/// Fields of timm's PretrainedCfg (timm/models/_pretrained.py) and of its older flat form.
constexpr std::array<std::string_view, 40> kPretrainedKeys{"url",
                                                           "file",
                                                           "state_dict",
                                                           "hf_hub_id",
                                                           "hf_hub_filename",
                                                           "source",
                                                           "architecture",
                                                           "tag",
                                                           "custom_load",
                                                           "input_size",
                                                           "test_input_size",
                                                           "min_input_size",
                                                           "fixed_input_size",
                                                           "interpolation",
                                                           "crop_pct",
                                                           "test_crop_pct",
                                                           "crop_mode",
                                                           "mean",
                                                           "std",
                                                           "num_classes",
                                                           "label_offset",
                                                           "label_names",
                                                           "label_descriptions",
                                                           "pool_size",
                                                           "test_pool_size",
                                                           "first_conv",
                                                           "classifier",
                                                           "license",
                                                           "description",
                                                           "origin_url",
                                                           "paper_name",
                                                           "paper_ids",
                                                           "notes",
                                                           "num_features",
                                                           "global_pool",
                                                           "labels",
                                                           "hf_hub_revision",
                                                           "timm_version",
                                                           "name",
                                                           "id"};

template <class T>
T value_or(const Json& json, const char* key, T fallback, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return fallback;
  return detail::field_from_json<T>(*found, where + ": '" + key + "'");
}

/// Both forms as one: {"architecture", "model_args", "pretrained_cfg"}.
struct Parts {
  bool names_model_alone = false;  ///< nothing but architecture and model_args
  std::string architecture;
  Json model_args = Json::object();
  Json pretrained = Json::object();
};

/// timm's loader always finds a pretrained_cfg. Without one, and without the values that the older
/// flat form holds in its place, a configuration means timm.create_model(architecture,
/// **model_args): the architecture's own entry gives the rest.
bool names_model_alone(const Json& json) {
  if (const auto nested = json.find("pretrained_cfg"); nested != json.end() && !nested->is_null())
    return false;
  if (json.contains("model_args")) return true;
  for (const auto& [key, value] : json.items())
    if (!contains(kTopKeys, key) && contains(kPretrainedKeys, key)) return false;
  return true;
}

/// The registry's entry of a name that a file gives.
Json named_entry(const std::string& architecture, const std::string& where) {
  try {
    return architecture_entry(architecture);
  } catch (const UsageError& error) {
    throw DataError("{}: {}", where, error.what());
  }
}

Parts parts_of(const Json& json, const std::string& where) {
  if (!json.is_object()) detail::wrong_type(where, "a configuration object", json);
  Parts parts;
  parts.architecture = value_or<std::string>(json, "architecture", "", where);
  if (parts.architecture.empty()) throw DataError("{}: expected 'architecture'", where);
  if (const auto found = json.find("model_args"); found != json.end() && !found->is_null())
    parts.model_args = *found;
  const auto nested = json.find("pretrained_cfg");
  parts.pretrained = nested != json.end() ? *nested : json;
  if (names_model_alone(json)) {
    parts.pretrained = named_entry(parts.architecture, where);
    parts.pretrained.update(json);
    parts.names_model_alone = true;
  }
  if (!parts.pretrained.is_object())
    detail::wrong_type(where + ": 'pretrained_cfg'", "an object", parts.pretrained);
  for (const char* key : {"num_classes", "label_names", "label_descriptions"})
    if (json.contains(key)) parts.pretrained[key] = json[key];
  if (parts.pretrained.contains("labels") && !parts.pretrained.contains("label_names"))
    parts.pretrained["label_names"] = parts.pretrained["labels"];
  if (!parts.model_args.is_object())
    detail::wrong_type(where + ": 'model_args'", "an object", parts.model_args);
  return parts;
}

void warn_unknown(const Json& json, const std::string& where, std::vector<std::string>& warnings) {
  const bool flat = !json.contains("pretrained_cfg");
  const auto warn = [&](const std::string& key) {
    warnings.push_back(format("{}: '{}' is not understood and not used", where, key));
  };
  for (const auto& [key, value] : json.items())
    if (!contains(kTopKeys, key) && !(flat && contains(kPretrainedKeys, key))) warn(key);
  if (flat || !json["pretrained_cfg"].is_object()) return;
  for (const auto& [key, value] : json["pretrained_cfg"].items())
    if (!contains(kPretrainedKeys, key)) warn("pretrained_cfg." + key);
}

/// model_args over the architecture's arguments, then what pretrained_cfg gives where neither says
/// (`_update_default_model_kwargs`).
Json model_arguments(const Parts& parts, const std::string& where) {
  Json arguments;
  try {
    arguments = architecture_arguments(parts.architecture);
  } catch (const UsageError& error) {
    throw DataError("{}: {}", where, error.what());
  }
  arguments.update(parts.model_args);
  const auto set_default = [&](const char* key, const Json& value) {
    if (!arguments.contains(key)) arguments[key] = value;
  };
  const auto input =
      value_or<std::vector<std::int64_t>>(parts.pretrained, "input_size", {3, 224, 224}, where);
  if (input.size() != 3) throw DataError("{}: 'input_size': expected [C, H, W]", where);
  const auto classes = value_or<std::int64_t>(parts.pretrained, "num_classes", 1000, where);
  if (classes >= 0) set_default("num_classes", classes);
  set_default("in_chans", input[0]);
  // timm's loader holds a size that is asked to be dynamic for not fixed; create_model does not.
  const bool dynamic = !parts.names_model_alone &&
                       value_or<bool>(parts.model_args, "dynamic_img_size", false, where);
  if (value_or<bool>(parts.pretrained, "fixed_input_size", false, where) && !dynamic)
    set_default("img_size", Json::array({input[1], input[2]}));
  return arguments;
}

Preprocessing preprocessing_of(const Json& pretrained, const std::string& where,
                               std::vector<std::string>& warnings) {
  // The defaults are PretrainedCfg's, not those of any architecture: that is timm's rule.
  Preprocessing preprocessing;
  preprocessing.mean =
      value_or<std::vector<double>>(pretrained, "mean", {0.485, 0.456, 0.406}, where);
  preprocessing.std =
      value_or<std::vector<double>>(pretrained, "std", {0.229, 0.224, 0.225}, where);
  preprocessing.interpolation =
      value_or<std::string>(pretrained, "interpolation", "bicubic", where);
  preprocessing.crop_pct = value_or<double>(pretrained, "crop_pct", 0.875, where);
  preprocessing.crop_mode = value_or<std::string>(pretrained, "crop_mode", "center", where);
  if (!pretrained.contains("mean") || !pretrained.contains("std"))
    warnings.push_back(format("{}: no mean and std: ImageNet's, as timm takes them", where));
  return preprocessing;
}

/// A list, or an object from class index to name. Labels that do not match the classes are left
/// out with a warning: timm does not look at them either.
std::vector<std::string> labels_of(const Json& pretrained, std::int64_t classes,
                                   const std::string& where, std::vector<std::string>& warnings) {
  const auto found = pretrained.find("label_names");
  if (found == pretrained.end() || found->is_null() || found->empty()) return {};
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(classes, 0));
  std::vector<std::string> labels;
  if (found->is_object()) {
    for (std::size_t i = 0; i < found->size() && i < count; ++i)
      if (const auto name = found->find(std::to_string(i));
          name != found->end() && name->is_string())
        labels.push_back(name->get<std::string>());
  } else {
    labels = detail::field_from_json<std::vector<std::string>>(*found, where + ": 'label_names'");
  }
  if (labels.size() == count && found->size() == count) return labels;
  warnings.push_back(format("{}: label_names left out: expected {} names, one a class, found {}",
                            where, classes, found->size()));
  return {};
}

/// {label: description}. timm only carries them: what is of another form is left out with a
/// warning.
std::map<std::string, std::string> descriptions_of(const Json& pretrained,
                                                   const std::vector<std::string>& labels,
                                                   const std::string& where,
                                                   std::vector<std::string>& warnings) {
  const auto found = pretrained.find("label_descriptions");
  if (found == pretrained.end() || found->is_null() || found->empty()) return {};
  std::map<std::string, std::string> descriptions;
  if (found->is_object())
    for (const auto& label : labels)
      if (const auto one = found->find(label); one != found->end() && one->is_string())
        descriptions[label] = one->get<std::string>();
  if (descriptions.size() != found->size())
    warnings.push_back(format("{}: label_descriptions: {} of {} are of no label and left out",
                              where, found->size() - descriptions.size(), found->size()));
  return descriptions;
}

}  // namespace

ModelConfig config_from_timm_json(const Json& json, const std::string& where,
                                  std::vector<std::string>& warnings) {
  const auto parts = parts_of(json, where);
  warn_unknown(json, where, warnings);
  ModelConfig config;
  config.architecture = timm_architecture_name(parts.architecture);
  config.model = timm_options(model_arguments(parts, where), where);
  config.preprocessing = preprocessing_of(parts.pretrained, where, warnings);
  config.preprocessing_known = true;
  config.labels = labels_of(parts.pretrained, config.model.num_classes(), where, warnings);
  config.label_descriptions = descriptions_of(parts.pretrained, config.labels, where, warnings);
  match_channels(config, where);
  check_config(config, where);
  return config;
}

}  // namespace vit::config
