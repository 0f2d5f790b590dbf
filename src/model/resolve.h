// From a file to a model's configuration and weights, without reading a tensor's data.
#pragma once

#include "model/timm/dialects.h"
#include "model/weight.h"
#include "model/weight_file.h"
#include "vit/core/log.h"
#include "vit/model/weights.h"

namespace vit::model {

struct ResolvedModel {
  ModelConfig config;
  std::vector<Weight> weights;       ///< native names, in the model's order
  std::vector<std::string> dropped;  ///< tensors without a place in the model
  std::string format, dialect;       ///< of the input
};

/// Opens, maps the names, finds the configuration, adapts, and checks every name and shape against
/// the model on the meta device. Throws DataError, IoError, UsageError.
ResolvedModel resolve_model(const std::filesystem::path& path, const LoadOptions& options,
                            Log* log);

/// The model itself, in eval mode.
LoadedModel make_model(ResolvedModel resolved, c10::Device device);

/// What `resolve_model` does before it knows the model: the tensors under native names, without
/// `strip_prefix`. Throws DataError where no name begins with it.
NamedWeights name_weights(const WeightFile& file, const std::string& strip_prefix = {});

/// Whether anything says what the model is.
bool says_architecture(const WeightFile& file, const LoadOptions& options);

/// The configuration that options, file and folder give. Throws UsageError where none does.
ModelConfig resolve_config(const WeightFile& file, const LoadOptions& options,
                           const NamedWeights& named, Log* log);

/// What depends on both: a projection that the model has no head for is left out, an old linear
/// patch embedding becomes a convolution, norms before or after the pooling follow the file.
void reconcile(NamedWeights& named, ModelConfig& config, Log* log);

}  // namespace vit::model
