#include "vit/model/vision_transformer.h"
#include "vit/nn/init.h"

namespace vit::model {

void init_vit_weights(VisionTransformerImpl& model, const at::Generator& generator) {
  nn::trunc_normal_(model.pos_embed, 0.02, generator);
  if (model.dist_token.defined()) nn::trunc_normal_(model.dist_token, 0.02, generator);
  nn::trunc_normal_(model.cls_token, 0.02, generator);
  nn::init_layers(model, generator);
}

}  // namespace vit::model
