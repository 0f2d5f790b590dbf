// The engine's reference: the LibTorch modules. This header is free of LibTorch.
#pragma once

#include <memory>
#include <vector>

#include "vit/config/vision_transformer_options.h"
#include "vit/engine/weights.h"

namespace vit::engine {

/// A model of LibTorch modules in eval mode. Every parameter is drawn at random, of a size that
/// keeps the spread of the activations.
class Modules {
 public:
  explicit Modules(const config::VisionTransformerOptions& options);

  WeightLookup weights() const;
  /// images [batch, in_c, H, W] to the model's output.
  std::vector<float> run(const std::vector<float>& images, std::int64_t batch) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// [batch, in_c, H, W], standard normal; the first images do not depend on `batch`.
std::vector<float> random_images(const config::VisionTransformerOptions& options,
                                 std::int64_t batch);

/// max |found − expected| / max |expected|.
double relative_error(const std::vector<float>& found, const std::vector<float>& expected);

}  // namespace vit::engine
