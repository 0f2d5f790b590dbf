// From a file to a model's configuration and weights, without reading a tensor's data.
#pragma once

#include "model/load/weight.h"
#include "vit/core/log.h"
#include "vit/model/weights.h"
#include "vit/state_dict/fit.h"

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

/// Parameters and buffers that such a model, or this one, has.
std::vector<state_dict::Expected> expected_weights(const VisionTransformerOptions& options);
std::vector<state_dict::Expected> expected_weights(const torch::nn::Module& model);

}  // namespace vit::model
