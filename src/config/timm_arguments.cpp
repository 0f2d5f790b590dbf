#include "vit/config/timm_arguments.h"

#include <algorithm>
#include <array>
#include <set>

#include "vit/core/contains.h"

namespace vit::config {
namespace {

struct Renamed {
  std::string_view timm, ours;
};

/// Arguments that have another name here.
constexpr std::array kRenamed{
    Renamed{"in_chans", "in_c"},
    Renamed{"pos_drop_rate", "drop_ratio"},
    Renamed{"drop_path_rate", "drop_path_ratio"},
};

/// Arguments that say how new weights are drawn, which loaded ones are not.
constexpr std::array<std::string_view, 2> kIgnored{"weight_init", "fix_init"};

/// Arguments that the seed's constructor has too (its own names for some of them).
constexpr std::array<std::string_view, 10> kSeedArguments{
    "img_size", "patch_size", "in_chans",  "num_classes", "embed_dim",
    "depth",    "num_heads",  "mlp_ratio", "qkv_bias",    "distilled"};

/// Options of ours without a counterpart: `why_not_timm` and `timm_arguments` look after them.
constexpr std::array<std::string_view, 7> kOursAlone{
    "patch_norm",          "dist_head", "fused_attn",     "qk_scale",
    "representation_size", "distilled", "attn_drop_ratio"};

/// Arguments whose values config.json cannot hold: classes and partials in timm.
constexpr std::array<std::string_view, 4> kNotInJson{"norm_eps", "embed_norm_eps", "block_fn",
                                                     "mlp_layer"};

/// What timm's constructor (timm/models/vision_transformer.py, 1.0.31) takes for an argument that
/// is not given. An argument that has no option here is legal with this value.
const Json& timm_defaults() {
  static const Json defaults = Json::parse(R"json({
    "global_pool": "token", "qk_norm": false, "scale_attn_norm": false, "scale_mlp_norm": false,
    "proj_bias": true, "init_values": null, "class_token": true, "pos_embed": "learn",
    "no_embed_class": false, "reg_tokens": 0, "pre_norm": false, "final_norm": true,
    "fc_norm": null, "pool_include_prefix": false, "dynamic_img_size": false,
    "dynamic_img_pad": false, "drop_rate": 0.0, "patch_drop_rate": 0.0, "embed_norm_layer": null,
    "norm_layer": null, "act_layer": null, "block_fn": "Block", "mlp_layer": "mlp",
    "attn_layer": ""})json");
  return defaults;
}

std::string ours(const std::string& timm) {
  const auto* found = std::find_if(kRenamed.begin(), kRenamed.end(),
                                   [&](const Renamed& r) { return r.timm == timm; });
  return found == kRenamed.end() ? timm : std::string(found->ours);
}

std::string timms(const std::string& our) {
  const auto* found = std::find_if(kRenamed.begin(), kRenamed.end(),
                                   [&](const Renamed& r) { return r.ours == our; });
  return found == kRenamed.end() ? our : std::string(found->timm);
}

const std::set<std::string>& option_names() {
  static const auto names = [] {
    std::set<std::string> all;
    VisionTransformerOptions options;
    visit(options, [&](const char* name, auto&) { all.insert(name); });
    return all;
  }();
  return names;
}

/// The seed's null, where timm's default gives the same model.
bool is_seeds_null(const std::string& key, const Json& value) {
  return value.is_null() &&
         (key == "proj_bias" || key == "proj_drop_rate" || key == "attn_drop_rate");
}

bool is_timm_default(const std::string& key, const Json& value) {
  const auto& defaults = timm_defaults();
  const auto found = defaults.find(key);
  return found != defaults.end() && *found == value;
}

VisionTransformerOptions timm_base() {
  return VisionTransformerOptions()
      .patch_norm(false)
      .dist_head("timm")
      .proj_drop_rate(0.0)
      .attn_drop_rate(0.0)
      .proj_bias(true);
}

}  // namespace

std::string unsupported_argument(const Json& arguments) {
  for (const auto& [key, value] : arguments.items())
    if (!option_names().contains(ours(key)) && !contains(kIgnored, key) &&
        !is_timm_default(key, value))
      return key;
  return "";
}

void apply_timm_arguments(VisionTransformerOptions& options, const Json& arguments,
                          const std::string& where) {
  if (!arguments.is_object()) throw DataError("{}: expected model_args as an object", where);
  if (const auto key = unsupported_argument(arguments); !key.empty())
    throw DataError("{}: '{}' with value {} is not supported", where, key, arguments[key].dump());
  Json renamed = Json::object();
  for (const auto& [key, value] : arguments.items())
    if (option_names().contains(ours(key))) renamed[ours(key)] = value;
  fields_from_json(options, renamed, where);
}

VisionTransformerOptions timm_options(const Json& arguments, const std::string& where) {
  auto options = timm_base();
  apply_timm_arguments(options, arguments, where);
  return options;
}

Json timm_arguments(const VisionTransformerOptions& options, const VisionTransformerOptions& base,
                    const std::string& where) {
  const auto values = fields_to_json(options);
  const auto base_values = fields_to_json(base);
  Json arguments = Json::object();
  for (const auto& [key, value] : values.items()) {
    if (value == base_values[key] || contains(kOursAlone, key) || is_seeds_null(key, value))
      continue;
    if (contains(kNotInJson, key))
      throw DataError("{}: timm's config.json cannot say {} {}", where, key, value.dump());
    arguments[timms(key)] = value;
  }
  // The seed's norm after the patch projection is timm's embed_norm_layer.
  if (options.patch_norm()) arguments["embed_norm_layer"] = "layernorm";
  return arguments;
}

bool is_seed_argument(std::string_view timm_name) { return contains(kSeedArguments, timm_name); }

std::string why_not_timm(const VisionTransformerOptions& options) {
  if (options.qk_scale().value_or(0) != 0) return "qk_scale";
  if (options.representation_size().value_or(0) != 0 && !options.distilled())
    return "representation_size";
  if (options.distilled() && options.dist_head() != "timm") return "dist_head seed";
  if (!options.proj_bias() && !options.qkv_bias())
    return "a projection without bias beside an MLP with";
  return "";
}

}  // namespace vit::config
