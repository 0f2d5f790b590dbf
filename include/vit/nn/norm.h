// Norms by their names.
#pragma once

#include <string>

#include "vit/nn/layer.h"

namespace vit::nn {

/// `layernorm` or `rmsnorm` (timm's names, `timm/layers/create_norm.py`), as a factory of norms
/// with this `eps`. Throws DataError for another name, listing these.
NormFactory norm_factory(const std::string& name, double eps);

/// `norm_layer` for `dim`, or Identity where it is empty.
LayerPtr make_norm(const NormFactory& norm_layer, std::int64_t dim,
                   const torch::TensorOptions& tensor_options);

}  // namespace vit::nn
