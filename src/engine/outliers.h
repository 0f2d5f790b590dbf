// Which linear layers three bfloat16 products of numbers are not near enough for.
#pragma once

#include <set>
#include <string>

#include "vit/config/vision_transformer_options.h"
#include "vit/engine/weights.h"

namespace vit::engine {

/// What the names of those layers' parameters begin with (`block.3.mlp.fc2.`).
///
/// A product of pairs of bfloat16 is off by 2^-17 of itself. That is 2^-17 of the result too, as
/// long as products differ from token to token and many of the same size are added. So a layer is
/// strict where what does not differ, and cancels later, is more than three times what does, in
/// squares; or where one input has more than half of the squares. How large an input is and how
/// much it differs follows from the parameters alone: a norm's gain and bias, and, as if inputs
/// were independent and normal, those of the layer between the norm and this one. Of blocks that
/// norm their results (ResPostBlock) nothing is known, and all layers are strict.
std::set<std::string> strict_layers(const config::VisionTransformerOptions& options,
                                    const WeightLookup& weights);

}  // namespace vit::engine
