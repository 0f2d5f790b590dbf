// One pass through the modules that gives everything that is wanted of it.
#pragma once

#include <vector>

#include "vit/engine/want.h"
#include "vit/model/vision_transformer.h"

namespace vit::model {

struct Passed {
  torch::Tensor logits;                 ///< [B, num_classes]
  std::vector<torch::Tensor> features;  ///< as they were asked for
  torch::Tensor attention;              ///< [B, grid_h, grid_w], each map's largest value 1
};

/// x: [B, in_c, H, W]. The model has what is wanted (engine::check_want).
Passed forward(VisionTransformerImpl& model, const torch::Tensor& x, const engine::Want& want);

}  // namespace vit::model
