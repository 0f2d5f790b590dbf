// A model for tests that need one and do not care which.
#pragma once

#include "vit/model/weights.h"

namespace vit::testing {

/// In eval mode, for 32×32 images in colour, 5 classes; every parameter is drawn at random.
inline model::LoadedModel small_model() {
  model::LoadedModel loaded;
  loaded.config.model.img_size({32, 32}).num_classes(5).embed_dim(24).depth(2).num_heads(3);
  loaded.model = VisionTransformer(loaded.config.model);
  loaded.model->eval();
  const at::NoGradGuard no_grad;
  for (auto& parameter : loaded.model->parameters()) parameter.normal_(0.0, 0.3);
  return loaded;
}

}  // namespace vit::testing
