#include "vit/nn/random_layer.h"

namespace vit::nn {

void set_generator(torch::nn::Module& module, const std::optional<at::Generator>& generator) {
  module.apply([&](torch::nn::Module& part) {
    if (auto* layer = dynamic_cast<RandomLayer*>(&part)) layer->generator = generator;
  });
}

}  // namespace vit::nn
