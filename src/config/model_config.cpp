#include "vit/config/model_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "vit/config/registry.h"
#include "vit/core/contains.h"

namespace vit::config {
namespace {

constexpr std::array<std::string_view, 6> kInterpolations{"nearest", "box",     "bilinear",
                                                          "hamming", "bicubic", "lanczos"};
constexpr std::array<std::string_view, 3> kCropModes{"center", "squash", "border"};

// Bounds that leave every product of sizes far below 2^63.
constexpr std::int64_t kMaxSide = 65536;
constexpr std::int64_t kMaxWidth = 65536;
constexpr std::int64_t kMaxDepth = 1000;
constexpr std::int64_t kMaxTokens = 65536;
constexpr std::int64_t kMaxClasses = 10'000'000;
constexpr std::int64_t kMaxChannels = 4096;
constexpr double kMaxMlpRatio = 64;
constexpr double kMaxParameters = 1e12;

template <class T>
void expect_range(const std::string& where, const char* name, T value, T low, T high) {
  if (!(value >= low && value <= high))
    throw DataError("{}: '{}': expected {} to {}, found {}", where, name, low, high, value);
}

template <class Names>
void expect_one_of(const std::string& where, const char* name, const std::string& value,
                   const Names& names) {
  if (contains(names, value)) return;
  std::string list;
  for (const auto& known : names) list += (list.empty() ? "" : ", ") + std::string(known);
  throw DataError("{}: '{}': expected one of {}, found '{}'", where, name, list, value);
}

/// timm builds some models whose patches leave a border of the picture unread: those only.
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

void check_sizes(const ModelConfig& config, const std::string& where) {
  const auto& model = config.model;
  for (int side = 0; side < 2; ++side) {
    const auto image = model.img_size()[side];
    const auto patch = model.patch_size()[side];
    expect_range<std::int64_t>(where, "img_size", image, 1, kMaxSide);
    expect_range<std::int64_t>(where, "patch_size", patch, 1, image);
    if (image % patch != 0 && !is_registered_size(config))
      throw DataError("{}: 'patch_size': expected a divisor of img_size {}, found {}", where, image,
                      patch);
  }
  expect_range<std::int64_t>(where, "in_c", model.in_c(), 1, kMaxChannels);
  expect_range<std::int64_t>(where, "num_classes", model.num_classes(), 0, kMaxClasses);
  expect_range<std::int64_t>(where, "embed_dim", model.embed_dim(), 1, kMaxWidth);
  expect_range<std::int64_t>(where, "depth", model.depth(), 1, kMaxDepth);
  expect_range<std::int64_t>(where, "num_heads", model.num_heads(), 1, model.embed_dim());
  if (model.embed_dim() % model.num_heads() != 0)
    throw DataError("{}: 'num_heads': expected a divisor of embed_dim {}, found {}", where,
                    model.embed_dim(), model.num_heads());
  expect_range<std::int64_t>(where, "reg_tokens", model.reg_tokens(), 0, kMaxTokens);
  expect_range(where, "mlp_ratio", model.mlp_ratio(), 1.0 / static_cast<double>(model.embed_dim()),
               kMaxMlpRatio);
  expect_range<std::int64_t>(where, "representation_size", model.representation_size().value_or(0),
                             0, kMaxWidth);
}

/// An upper bound of the parameter count, in double: it cannot overflow.
double parameter_bound(const VisionTransformerOptions& model) {
  const auto width = static_cast<double>(model.embed_dim());
  const auto patch =
      static_cast<double>(model.patch_size()[0]) * static_cast<double>(model.patch_size()[1]);
  const auto pixels =
      static_cast<double>(model.img_size()[0]) * static_cast<double>(model.img_size()[1]);
  // Twice: timm's ParallelThingsBlock holds two of everything.
  const auto block = 2 * width * (width * (4 + 3 * model.mlp_ratio()) + 32);
  return static_cast<double>(model.depth()) * block +
         width * (pixels / patch + 16 + static_cast<double>(model.reg_tokens())) +
         width * patch * static_cast<double>(model.in_c()) +
         2 * static_cast<double>(model.num_classes()) * std::max(width, 1.0);
}

void check_ratios(const VisionTransformerOptions& model, const std::string& where) {
  expect_range(where, "drop_ratio", model.drop_ratio(), 0.0, 1.0);
  expect_range(where, "attn_drop_ratio", model.attn_drop_ratio(), 0.0, 1.0);
  expect_range(where, "drop_path_ratio", model.drop_path_ratio(), 0.0, 1.0);
  expect_range(where, "proj_drop_rate", model.proj_drop_rate().value_or(0), 0.0, 1.0);
  expect_range(where, "drop_rate", model.drop_rate(), 0.0, 1.0);
  expect_range(where, "patch_drop_rate", model.patch_drop_rate(), 0.0, 1.0);
  expect_range(where, "attn_drop_rate", model.attn_drop_rate().value_or(0), 0.0, 1.0);
  expect_range(where, "init_values", model.init_values().value_or(1), -1e6, 1e6);
  expect_range(where, "norm_eps", model.norm_eps(), 0.0, 1.0);
  expect_range(where, "embed_norm_eps", model.embed_norm_eps(), 0.0, 1.0);
  expect_range(where, "qk_scale", model.qk_scale().value_or(1), -1e6, 1e6);
  expect_one_of(where, "dist_head", model.dist_head(),
                std::array<std::string_view, 2>{"seed", "timm"});
}

void check_preprocessing(const ModelConfig& config, const std::string& where) {
  const auto& preprocessing = config.preprocessing;
  const auto channels = static_cast<std::size_t>(config.model.in_c());
  for (const auto* values : {&preprocessing.mean, &preprocessing.std}) {
    const auto* name = values == &preprocessing.mean ? "mean" : "std";
    if (values->size() != channels && values->size() != 1)
      throw DataError("{}: '{}': expected {} values, one a channel, found {}", where, name,
                      channels, values->size());
    for (const double value : *values) expect_range(where, name, value, -1e6, 1e6);
  }
  for (const double value : preprocessing.std)
    if (value <= 0) throw DataError("{}: 'std': expected positive values, found {}", where, value);
  expect_one_of(where, "interpolation", preprocessing.interpolation, kInterpolations);
  expect_one_of(where, "crop_mode", preprocessing.crop_mode, kCropModes);
  expect_range(where, "crop_pct", preprocessing.crop_pct, 0.01, 10.0);
  expect_range<std::int64_t>(where, "pillow", preprocessing.pillow, 12, 13);
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

void match_channels(ModelConfig& config) {
  const auto channels = static_cast<std::size_t>(std::max<std::int64_t>(config.model.in_c(), 1));
  for (auto* values : {&config.preprocessing.mean, &config.preprocessing.std}) {
    if (values->size() == channels || values->empty() || channels > kMaxChannels) continue;
    double sum = 0;
    for (const double value : *values) sum += value;
    values->assign(channels, sum / static_cast<double>(values->size()));
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
  match_channels(config);
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
  check_sizes(config, where);
  check_ratios(config.model, where);
  if (const auto count = parameter_bound(config.model); !(count <= kMaxParameters))
    throw DataError("{}: expected a model of at most {} parameters, found about {}", where,
                    kMaxParameters, count);
  check_preprocessing(config, where);
  const auto labels = static_cast<std::int64_t>(config.labels.size());
  if (labels != 0 && labels != config.model.num_classes())
    throw DataError("{}: expected {} labels, one a class, found {}", where,
                    config.model.num_classes(), labels);
}

}  // namespace vit::config
