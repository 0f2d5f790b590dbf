// The engine's reference: the LibTorch modules. This header is free of LibTorch.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "vit/config/vision_transformer_options.h"
#include "vit/engine/engine.h"
#include "vit/engine/precision.h"
#include "vit/engine/weights.h"

namespace vit::engine {

/// A model of LibTorch modules in eval mode. Every parameter is drawn at random, of a size that
/// keeps the spread of the activations.
class Modules {
 public:
  explicit Modules(const config::VisionTransformerOptions& options);

  /// Rounds the blocks' weights as the engine does. Of int8 weights() tells
  /// their scales too.
  void round_to(Precision precision);

  WeightLookup weights() const;
  /// What the engine should give.
  Output run(const Input& input, const Want& want) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Standard normal; the first images do not depend on `batch`. Of the model's own size, or another.
class Images {
 public:
  Images(const config::VisionTransformerOptions& options, std::int64_t batch,
         std::optional<std::array<std::int64_t, 2>> size = {});

  /// `count` of them from `first` on; all.
  Input from(std::int64_t first, std::int64_t count) const;
  Input all() const { return from(0, input_.batch); }
  std::vector<float>& pixels() { return pixels_; }

 private:
  std::vector<float> pixels_;
  Input input_;
};

/// max |found − expected| / max |expected|.
double relative_error(const std::vector<float>& found, const std::vector<float>& expected);
/// The same of one image's or one batch's values; infinite where the shapes differ.
double relative_error(const Array& found, const Array& expected);

}  // namespace vit::engine
