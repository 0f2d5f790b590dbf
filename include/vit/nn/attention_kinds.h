// Kinds of self-attention by their names.
#pragma once

#include <string>

#include "vit/nn/attention.h"

namespace vit::nn {

/// Self-attention by timm's name (`ATTN_LAYERS`, `timm/models/vision_transformer.py`, 1.0.31):
/// empty or attn, or diff. Throws DataError for another, listing these.
AttendingLayerPtr make_attention(const std::string& name, const AttentionOptions& options,
                                 const NormFactory& norm_layer,
                                 const torch::TensorOptions& tensor_options);

}  // namespace vit::nn
