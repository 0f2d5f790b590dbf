#include "vit/model/vision_transformer.h"
#include "vit/nn/init.h"

namespace vit::model {

void init_vit_weights(VisionTransformerImpl& model, const at::Generator& generator) {
  for (auto& tokens : {model.pos_embed, model.dist_token, model.cls_token, model.reg_token})
    if (tokens.defined()) nn::trunc_normal_(tokens, 0.02, generator);
  nn::init_layers(model, generator);
}

}  // namespace vit::model
