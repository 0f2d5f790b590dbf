// The whole configuration of a model, as a model file's `vit.config` and `--config` carry it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vit/config/vision_transformer_options.h"
#include "vit/core/json.h"
#include "vit/core/preprocessing.h"

namespace vit::config {

struct ModelConfig {
  std::string architecture;        ///< registry name; empty where there is none
  VisionTransformerOptions model;  ///< defaults: the seed's
  Preprocessing preprocessing;
  bool preprocessing_known = false;  ///< false: nothing said, the defaults stand in
  std::vector<std::string> labels;   ///< class names; empty where unknown
  std::map<std::string, std::string> label_descriptions;  ///< of labels, by their names
};

Json to_json(const ModelConfig& config);

/// Our own form: `architecture`, `model`, `preprocessing`, `labels`, `label_descriptions`, every
/// key optional, unknown keys an error. `architecture` gives the values that `model` overrides.
/// Throws DataError; `where` opens the message.
ModelConfig config_from_json(const Json& json, const std::string& where);

/// timm's and the Hub's config.json (current and older flat form). Keys that are not understood
/// are appended to `warnings`.
ModelConfig config_from_timm_json(const Json& json, const std::string& where,
                                  std::vector<std::string>& warnings);

/// The descriptions of labels that are no longer there go with them.
void set_labels(ModelConfig& config, std::vector<std::string> labels);

/// Throws DataError where a value is not what a model can be: sizes out of range, a patch that does
/// not divide the image, heads that do not divide the width, labels of another count than classes.
void check_config(const ModelConfig& config, const std::string& where);

/// Mean and std with one value per channel of the model: a single value is repeated, and `from`
/// values (those of RGB images, for a grey model) become their average. Throws DataError, opened
/// by `where`, for any other count.
void match_channels(ModelConfig& config, const std::string& where, std::size_t from = 3);

}  // namespace vit::config

namespace vit {
using config::ModelConfig;
}  // namespace vit
