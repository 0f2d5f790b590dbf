// MLPs by their names.
#pragma once

#include <string>

#include "vit/nn/mlp.h"

namespace vit::nn {

/// An MLP by timm's name: mlp, glumlp, swiglu_packed or swiglu. Throws DataError for another,
/// listing these.
LayerPtr make_mlp(const std::string& name, const MlpOptions& options, const LayerPtr& act_layer,
                  const NormFactory& norm_layer, const torch::TensorOptions& tensor_options);

}  // namespace vit::nn
