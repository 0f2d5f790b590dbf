#include "vit/state_dict/source.h"

#include <algorithm>
#include <array>
#include <set>

#include "state_dict/dialects/dialects.h"
#include "vit/config/registry.h"
#include "vit/config/timm_names.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/text.h"

namespace vit::state_dict {
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
  if (!is_timm_json(json)) return config::config_from_json(json, where);
  std::vector<std::string> warnings;
  auto config = config::config_from_timm_json(json, where, warnings);
  if (log != nullptr)
    for (const auto& warning : warnings) log->warning("{}", warning);
  return config;
}

/// The class count of a file that says nothing but its tensors: the head's rows.
std::int64_t classes_of_head(const std::vector<Weight>& weights) {
  const auto* head = find(weights, "head.weight");
  if (head == nullptr) return 0;
  const auto shape = head->meta();
  return shape.dim() == 2 ? shape.size(0) : 0;
}

/// timm's own first ViTs projected patches with a Linear: [out, in * h * w].
void reshape_linear_patches(std::vector<Weight>& weights, const VisionTransformerOptions& model) {
  auto* weight = find(weights, "patch_embed.proj.weight");
  if (weight == nullptr || weight->meta().dim() != 2) return;
  const auto [h, w] = model.patch_size();
  if (weight->meta().size(1) % (h * w) != 0) return;
  *weight = transformed(std::move(*weight), "reshaped", [h = h, w = w](const Tensor& x) {
    return x.reshape({x.size(0), -1, h, w});
  });
}

/// With average pooling, the names say where the norm stands: `norm` before the pooling, `fc_norm`
/// after it.
void follow_norm_names(const std::vector<Weight>& weights, VisionTransformerOptions& model,
                       Log* log) {
  const auto& pool = model.global_pool();
  if (!model.final_norm() || (pool != "avg" && pool != "avgmax" && pool != "max")) return;
  const bool before = find(weights, "norm.weight") != nullptr;
  const bool after = find(weights, "fc_norm.weight") != nullptr;
  if (before == after || model.fc_norm().value_or(true) == after) return;
  model.fc_norm(after);
  if (log != nullptr)
    log->info("the norm stands {} the pooling, as its name in the file says",
              after ? "after" : "before");
}

/// The two forms of one size are easily confused, and differ by one norm.
void hint_at_seed(const NamedWeights& named, const ModelConfig& config, Log* log) {
  const bool seeds_file =
      named.dialect == "native" && find(named.weights, "patch_embed.norm.weight") != nullptr;
  if (log != nullptr && seeds_file && !config.model.patch_norm())
    log->warning(
        "the file is in the seed's form (it has patch_embed.norm): `architecture` {}.seed names it",
        config.architecture);
}

ModelConfig config_by_architecture(const WeightFile& file, const SourceOptions& options,
                                   const NamedWeights& named, Log* log) {
  auto config = config::find_architecture(options.architecture);
  if (named.optional_head && config.model.num_classes() == 0) return config;
  const auto classes = classes_of_head(named.weights);
  if (classes != config.model.num_classes() && log != nullptr)
    log->info("{}: {} classes, from the head's shape ({} has {})", file.path.string(), classes,
              config.architecture, config.model.num_classes());
  config.model.num_classes(classes);
  hint_at_seed(named, config, log);
  return config;
}

/// `prefix` may stand behind the wrappers of training frameworks, and leave out its last dot.
void cut_prefix(std::vector<Weight>& weights, const std::string& prefix, const std::string& where) {
  std::size_t found = 0;
  for (auto& weight : weights) {
    const auto bare = config::TimmKeyMap::without_wrappers(weight.name);
    for (const auto& name : {weight.name, bare}) {
      if (!name.starts_with(prefix)) continue;
      const auto rest = name.substr(prefix.size());
      weight.name = rest.starts_with('.') ? rest.substr(1) : rest;
      ++found;
      break;
    }
  }
  if (found == 0)
    throw DataError("{}: expected names that begin with '{}', found {}", where, prefix,
                    weights.empty() ? "no tensors" : "none such as '" + weights.front().name + "'");
}

/// Where the configuration comes from, in resolve_config's order.
std::string config_source(const WeightFile& file, const SourceOptions& options) {
  if (!options.config_file.empty()) return options.config_file.string();
  if (file.own_config) return "the file itself";
  if (file.timm_config) return (file.path.parent_path() / "config.json").string();
  return "the architecture's name";
}

/// int8 weights and their scales as the weights that they stand for (model/quantize.h).
std::vector<Weight> dequantized(std::vector<Weight> weights, const std::string& where) {
  std::set<std::string> used;
  for (auto& weight : weights) {
    if (weight.meta().dtype() != io::DType::kI8) continue;
    auto* scale = find(weights, weight.name + std::string(kScale));
    if (scale == nullptr) continue;
    const auto values = weight.meta(), rows = scale->meta();
    if (values.dim() != 2 || rows.dim() != 1 || rows.size(0) != values.size(0))
      throw DataError("{}: tensor '{}': expected one scale a row of {}, found {}", where,
                      scale->name, values.shape(), rows.shape());
    used.insert(scale->name);
    const auto* input = find(weights, weight.name + std::string(kInputScale));
    const auto input_scale = input != nullptr ? std::optional(*input) : std::nullopt;
    if (input_scale) {
      if (input->meta().shape() != std::vector<std::int64_t>{2})
        throw DataError("{}: tensor '{}': expected a scale and an offset [2], found {}", where,
                        input->name, input->meta().shape());
      used.insert(input->name);
    }
    auto name = weight.name;
    weight =
        merged(std::move(name), {weight, *scale}, "dequantized",
               [](const std::vector<Tensor>& parts) { return dequantize(parts[0], parts[1]); });
    weight.row_scale = [scale = *scale] { return scale.tensor(); };
    if (input_scale) weight.input_scale = [scale = *input_scale] { return scale.tensor(); };
  }
  std::erase_if(weights, [&](const Weight& weight) { return used.contains(weight.name); });
  return weights;
}

}  // namespace

NamedWeights name_weights(const WeightFile& file, const std::string& strip_prefix) {
  std::vector<Weight> weights;
  for (const auto& entry : file.tensors.entries()) weights.push_back(weight_of(entry));
  if (!strip_prefix.empty()) cut_prefix(weights, strip_prefix, file.path.string());
  if (file.own_config) {
    NamedWeights named;
    named.dialect = "native";
    named.weights = dequantized(std::move(weights), file.path.string());
    return named;
  }
  auto named = to_timm_names(std::move(weights));
  for (auto& weight : named.weights) weight.name = config::TimmKeyMap::to_native(weight.name);
  return named;
}

void reconcile(NamedWeights& named, ModelConfig& config, Log* log) {
  if (named.optional_head && config.model.num_classes() == 0)
    std::erase_if(named.weights, [&](const Weight& weight) {
      const bool head = weight.name.starts_with("head.");
      if (head) named.dropped.push_back(weight.name);
      return head;
    });
  reshape_linear_patches(named.weights, config.model);
  follow_norm_names(named.weights, config.model, log);
}

bool says_architecture(const WeightFile& file, const SourceOptions& options) {
  return !options.config_file.empty() || !options.architecture.empty() || file.own_config ||
         file.timm_config;
}

ModelConfig resolve_config(const WeightFile& file, const SourceOptions& options,
                           const NamedWeights& named, Log* log) {
  if (!options.config_file.empty())
    return config_of(read_json(options.config_file), options.config_file.string(),
                     options.architecture, log);
  if (file.own_config) {
    auto config = config_of(*file.own_config, file.path.string(), "", log);
    if (log != nullptr && !options.architecture.empty() &&
        options.architecture != config.architecture)
      log->warning("{}: says itself that it is {}: `architecture` {} is not used",
                   file.path.string(),
                   config.architecture.empty() ? "of no named architecture" : config.architecture,
                   options.architecture);
    return config;
  }
  if (file.timm_config)
    return config_of(*file.timm_config, (file.path.parent_path() / "config.json").string(),
                     options.architecture, log);
  if (!options.architecture.empty()) return config_by_architecture(file, options, named, log);
  throw UsageError(
      "{}: the file does not say its architecture: give `architecture` or `config_file`",
      file.path.string());
}

Source open_source(const std::filesystem::path& path, const SourceOptions& options, Log* log) {
  const auto file = open_weight_file(path, {options.state_key, options.check_crc}, log);
  Source source;
  source.format = file.format;
  source.named = name_weights(file, options.strip_prefix);
  const auto& dialect = source.named.dialect;
  if (log != nullptr) log->debug("{}: names as in '{}'", file.path.string(), dialect);
  source.config = resolve_config(file, options, source.named, log);
  if (log != nullptr) {
    log->debug(
        "{}: configuration from {}: {}", file.path.string(), config_source(file, options),
        source.config.architecture.empty() ? "no named architecture" : source.config.architecture);
    log->debug("reads {}: {}, {} tensors with {} names", printable(file.path.string()), file.format,
               file.tensors.entries().size(), dialect);
  }
  reconcile(source.named, source.config, log);
  return source;
}

}  // namespace vit::state_dict
