#include "vit/config/timm_arguments.h"

#include <array>
#include <map>

#include "vit/core/contains.h"

namespace vit::config {
namespace {

/// Arguments that say how new weights are drawn, which loaded ones are not.
constexpr std::array<std::string_view, 2> kIgnored{"weight_init", "fix_init"};

/// Arguments that the seed's constructor has too (its own names for some of them).
constexpr std::array<std::string_view, 10> kSeedArguments{
    "img_size", "patch_size", "in_chans",  "num_classes", "embed_dim",
    "depth",    "num_heads",  "mlp_ratio", "qkv_bias",    "distilled"};

/// Arguments whose values config.json cannot hold: classes and partials in timm.
constexpr std::array<std::string_view, 4> kNotInJson{"norm_eps", "embed_norm_eps", "block_fn",
                                                     "mlp_layer"};

/// Names of timm's arguments and of our options, from the options' field list.
struct Names {
  std::map<std::string, std::string> ours;  ///< of an argument of timm's
  std::map<std::string, std::string> timm;  ///< of an option; empty where timm has none
};

const Names& names() {
  static const auto table = [] {
    Names made;
    VisionTransformerOptions options;
    visit(options, [&](const char* name, auto&, const Field& about = {}) {
      made.timm[name] = about.timm;
      made.ours[*about.timm == '\0' ? name : about.timm] = name;
    });
    return made;
  }();
  return table;
}

/// The seed's null, where timm's default gives the same model.
bool is_seeds_null(const std::string& key, const Json& value) {
  return value.is_null() &&
         (key == "proj_bias" || key == "proj_drop_rate" || key == "attn_drop_rate");
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
    if (!names().ours.contains(key) && !contains(kIgnored, key)) return key;
  return "";
}

void apply_timm_arguments(VisionTransformerOptions& options, const Json& arguments,
                          const std::string& where) {
  if (!arguments.is_object()) throw DataError("{}: expected model_args as an object", where);
  if (const auto key = unsupported_argument(arguments); !key.empty())
    throw DataError("{}: '{}' with value {} is not supported", where, key, arguments[key].dump());
  Json renamed = Json::object();
  for (const auto& [key, value] : arguments.items())
    if (const auto found = names().ours.find(key); found != names().ours.end())
      renamed[found->second] = value;
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
    // What timm has no argument for is why_not_timm's to look after.
    const auto& timm = names().timm.at(key);
    if (value == base_values[key] || timm.empty() || is_seeds_null(key, value)) continue;
    if (contains(kNotInJson, key))
      throw DataError("{}: timm's config.json cannot say {} {}", where, key, value.dump());
    arguments[timm] = value;
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
