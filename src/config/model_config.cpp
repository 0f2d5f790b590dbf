#include "vit/config/model_config.h"

#include <algorithm>
#include <array>

#include "vit/config/registry.h"
#include "vit/core/contains.h"

namespace vit::config {
namespace {

/// timm builds some models whose patches leave a border of the image unread: those only.
bool is_registered_size(const ModelConfig& config) {
  if (config.architecture.empty()) return false;
  try {
    const auto known = find_architecture(config.architecture).model;
    return known.img_size() == config.model.img_size() &&
           known.patch_size() == config.model.patch_size();
  } catch (const UsageError&) {
    return false;  // a name of the caller's own
  }
}

/// Patches that fill the image; a rest is legal only where timm itself leaves one.
void check_grid(const ModelConfig& config, const std::string& where) {
  for (int side = 0; side < 2; ++side) {
    const auto image = config.model.img_size()[side];
    const auto patch = config.model.patch_size()[side];
    if (image % patch != 0 && !is_registered_size(config))
      throw DataError("{}: 'patch_size': expected a divisor of img_size {}, found {}", where, image,
                      patch);
  }
}

void check_preprocessing(const ModelConfig& config, const std::string& where) {
  const auto& preprocessing = config.preprocessing;
  const auto channels = static_cast<std::size_t>(config.model.in_c());
  for (const auto* values : {&preprocessing.mean, &preprocessing.std}) {
    const auto* name = values == &preprocessing.mean ? "mean" : "std";
    if (values->size() != channels && values->size() != 1)
      throw DataError("{}: '{}': expected {} values, one a channel, found {}", where, name,
                      channels, values->size());
  }
  if (const auto fault = find_fault(preprocessing))
    throw DataError("{}: '{}': expected {}, found {}", where, fault->field, fault->expected,
                    fault->found);
}

/// The registry's configuration under a name that a file gives.
ModelConfig named_base(const std::string& name, const std::string& where) {
  if (name.empty()) return {};
  try {
    return find_architecture(name);
  } catch (const UsageError& error) {
    throw DataError("{}: {}", where, error.what());
  }
}

std::map<std::string, std::string> descriptions_from_json(const Json& json,
                                                          const std::string& where) {
  if (!json.is_object()) detail::wrong_type(where, "an object from label to description", json);
  std::map<std::string, std::string> descriptions;
  for (const auto& [label, description] : json.items())
    descriptions[label] = detail::field_from_json<std::string>(description, where);
  return descriptions;
}

}  // namespace

void match_channels(ModelConfig& config, const std::string& where, std::size_t from) {
  const auto channels = config.model.in_c();
  if (channels < 1 || channels > kMaxChannels) return;  // check_options' to say
  const auto count = static_cast<std::size_t>(channels);
  auto& preprocessing = config.preprocessing;
  for (auto* values : {&preprocessing.mean, &preprocessing.std}) {
    if (values->size() == count) continue;
    if (values->empty() || (values->size() != 1 && values->size() != from))
      throw DataError("{}: '{}': expected {} value{}, one a channel, found {}", where,
                      values == &preprocessing.mean ? "mean" : "std", count, count == 1 ? "" : "s",
                      values->size());
    double sum = 0;
    for (const double value : *values) sum += value;
    values->assign(count, sum / static_cast<double>(values->size()));
  }
}

void set_labels(ModelConfig& config, std::vector<std::string> labels) {
  config.labels = std::move(labels);
  std::erase_if(config.label_descriptions,
                [&](const auto& item) { return !contains(config.labels, item.first); });
}

Json to_json(const ModelConfig& config) {
  Json json = Json::object();
  if (!config.architecture.empty()) json["architecture"] = config.architecture;
  json["model"] = fields_to_json(config.model);
  json["preprocessing"] = fields_to_json(config.preprocessing);
  if (!config.labels.empty()) json["labels"] = config.labels;
  if (!config.label_descriptions.empty()) json["label_descriptions"] = config.label_descriptions;
  return json;
}

ModelConfig config_from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) detail::wrong_type(where, "a configuration object", json);
  static constexpr std::array<std::string_view, 5> kKeys{"architecture", "model", "preprocessing",
                                                         "labels", "label_descriptions"};
  for (const auto& [key, value] : json.items())
    if (!contains(kKeys, key)) throw DataError("{}: unknown key '{}'", where, key);
  std::string architecture;
  if (const auto found = json.find("architecture"); found != json.end())
    architecture = detail::field_from_json<std::string>(*found, where + ": 'architecture'");
  auto config = named_base(architecture, where);
  if (const auto found = json.find("model"); found != json.end())
    fields_from_json(config.model, *found, where + ": model");
  match_channels(config, where);
  if (const auto found = json.find("preprocessing"); found != json.end()) {
    fields_from_json(config.preprocessing, *found, where + ": preprocessing");
    config.preprocessing_known = true;
  }
  if (const auto found = json.find("labels"); found != json.end())
    config.labels = detail::field_from_json<std::vector<std::string>>(*found, where + ": 'labels'");
  if (const auto found = json.find("label_descriptions"); found != json.end())
    config.label_descriptions = descriptions_from_json(*found, where + ": 'label_descriptions'");
  check_config(config, where);
  return config;
}

void check_config(const ModelConfig& config, const std::string& where) {
  check_options(config.model, where);
  check_grid(config, where);
  check_preprocessing(config, where);
  const auto labels = static_cast<std::int64_t>(config.labels.size());
  if (labels != 0 && labels != config.model.num_classes())
    throw DataError("{}: expected {} labels, one a class, found {}", where,
                    config.model.num_classes(), labels);
}

}  // namespace vit::config
