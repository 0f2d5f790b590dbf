// Kinds of blocks by their names.
#pragma once

#include <string>

#include "vit/nn/block.h"

namespace vit::nn {

/// A block by timm's class name (`timm/models/vision_transformer.py`, 1.0.31): Block, ResPostBlock,
/// ParallelScalingBlock, DiffParallelScalingBlock or ParallelThingsBlock. Throws DataError for
/// another, listing these.
AttendingLayerPtr make_block(const std::string& name, const BlockOptions& options,
                             const NormFactory& norm_layer, const LayerPtr& act_layer,
                             const torch::TensorOptions& tensor_options);

}  // namespace vit::nn
