// A predictor's own module over the weights of its caller's.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <memory>

#include "vit/model/vision_transformer.h"

namespace vit::model {

/// A module in eval mode with the weights of `source`, on `device` and, where they are numbers with
/// a point, of type `dtype`: shared where they are so already, else converted. `source` stays as it
/// is. A module that its options do not describe (a child was replaced) cannot be built a second
/// time: where it needs no change it is taken as it is. Throws UsageError where it needs one.
std::shared_ptr<VisionTransformerImpl> own_module(
    const std::shared_ptr<VisionTransformerImpl>& source, c10::Device device,
    c10::ScalarType dtype);

}  // namespace vit::model
