// A model's weights and configuration from any file or folder, without LibTorch and without reading
// a tensor's data.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vit/config/model_config.h"
#include "vit/core/log.h"
#include "vit/state_dict/weight.h"
#include "vit/state_dict/weight_file.h"

namespace vit::state_dict {

/// What has to be said about a file that is no model file.
struct SourceOptions {
  std::string architecture;           ///< where the file does not say
  std::filesystem::path config_file;  ///< configuration, where the file does not say
  std::string state_key;              ///< entry of a training checkpoint; empty: the usual ones
  std::string strip_prefix;  ///< what the names in the file begin with, where the model's do not
  bool check_crc = true;     ///< refuse a zip whose checksums are wrong
  bool drop_unused = false;  ///< leave out tensors that the model has no place for
};

/// How embeddings of one size are made to fit another.
struct Interpolation {
  bool bicubic = true;  ///< else bilinear
  bool antialias = true;
  bool align_corners = false;
};

/// What a dialect wants of the position and patch embedding beyond what the user asks for.
struct Resampling {
  bool always = false;               ///< to the model's grid, whatever the file's
  std::optional<Interpolation> how;  ///< instead of bicubic
  bool square_then_cropped = false;  ///< RADIO: to a square of the longer side, then cut
};

struct NamedWeights {
  std::vector<Weight> weights;
  std::vector<std::string> dropped;  ///< what the file has beside the model (text towers, …)
  std::string dialect;               ///< native, timm, jax, openai_clip, …
  bool optional_head = false;        ///< the head is a projection that the model may do without
  Resampling resampling;
};

/// What has been opened, under the names of the model's own parameters.
struct Source {
  std::string format;  ///< of the input: safetensors, torch or npz
  ModelConfig config;
  NamedWeights named;
};

/// Opens, maps the names, finds the configuration. Throws DataError, IoError, UsageError.
Source open_source(const std::filesystem::path& path, const SourceOptions& options, Log* log);

/// The tensors of a file under native names, without `strip_prefix`; int8 weights and their scales
/// as the weights that they stand for. Throws DataError where no name begins with the prefix.
NamedWeights name_weights(const WeightFile& file, const std::string& strip_prefix = {});

/// Whether anything says what the model is.
bool says_architecture(const WeightFile& file, const SourceOptions& options);

/// The configuration that options, file and folder give. Throws UsageError where none does.
ModelConfig resolve_config(const WeightFile& file, const SourceOptions& options,
                           const NamedWeights& named, Log* log);

/// What depends on both: a projection that the model has no head for is left out, an old linear
/// patch embedding becomes a convolution, norms before or after the pooling follow the file.
void reconcile(NamedWeights& named, ModelConfig& config, Log* log);

}  // namespace vit::state_dict
