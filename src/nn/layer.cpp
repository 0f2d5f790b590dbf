#include "vit/nn/layer.h"

namespace vit::nn {

void Layer::reset_parameters(const at::Generator& /*generator*/) {}

}  // namespace vit::nn
