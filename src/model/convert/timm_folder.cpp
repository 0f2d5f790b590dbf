#include "model/convert/timm_folder.h"

#include "config/registry_data.h"
#include "model/load/write.h"
#include "vit/config/registry.h"
#include "vit/config/timm_arguments.h"
#include "vit/config/timm_names.h"
#include "vit/core/contains.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/folder.h"

namespace vit::model {
namespace fs = std::filesystem;
namespace {

/// The architecture of timm's whose arguments the model's are said against.
std::string base_architecture(const ModelConfig& config) {
  const auto names = config::architecture_names();
  auto name = config::timm_architecture_name(config.architecture);
  const bool known = contains(names, name);
  const bool fits =
      known && config::find_architecture(name).model.distilled() == config.model.distilled();
  if (fits && name.find("vit_mini") == std::string::npos) return name;
  return config.model.distilled() ? "deit_base_distilled_patch16_224" : "vit_base_patch16_224";
}

}  // namespace

Json timm_config_json(const ModelConfig& config, const std::string& where) {
  if (const auto reason = config::why_not_timm(config.model); !reason.empty())
    throw DataError("{}: no model of timm's is this one: {}", where, reason);
  const auto base = base_architecture(config);
  const auto& model = config.model;
  Json json = {{"architecture", base},
               {"num_classes", model.num_classes()},
               {"num_features", model.embed_dim()}};
  if (!config.labels.empty()) json["label_names"] = config.labels;
  if (!config.label_descriptions.empty()) json["label_descriptions"] = config.label_descriptions;
  auto arguments = config::timm_arguments(model, config::find_architecture(base).model, where);
  // timm takes input_size for a fixed one only: it would build for 224 pixels and resample.
  if (model.dynamic_img_size())
    arguments["img_size"] = Json::array({model.img_size()[0], model.img_size()[1]});
  if (!arguments.empty()) json["model_args"] = std::move(arguments);
  json["pretrained_cfg"] = {
      {"input_size", {model.in_c(), model.img_size()[0], model.img_size()[1]}},
      {"fixed_input_size", !model.dynamic_img_size()},
      {"interpolation", config.preprocessing.interpolation},
      {"crop_pct", config.preprocessing.crop_pct},
      {"crop_mode", config.preprocessing.crop_mode},
      {"mean", config.preprocessing.mean},
      {"std", config.preprocessing.std},
      {"num_classes", model.num_classes()},
      {"pool_size", nullptr},
      {"first_conv", "patch_embed.proj"},
      {"classifier", model.distilled() ? Json{"head", "head_dist"} : Json("head")}};
  return json;
}

void write_timm_folder(const fs::path& folder, std::vector<Weight> weights, const Json& config,
                       std::optional<io::DType> dtype) {
  for (auto& weight : weights) weight.name = config::TimmKeyMap::to_timm(weight.name);
  AtomicFolder files(folder);
  write_weights(files.path() / kTimmFolderFiles[1], weights, dtype, {{"format", "pt"}});
  write_file(files.path() / kTimmFolderFiles[0], config.dump(2) + "\n");
  files.commit();
}

}  // namespace vit::model
