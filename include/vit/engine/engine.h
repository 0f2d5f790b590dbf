// One seam for everything that computes a forward pass.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vit/core/array.h"
#include "vit/engine/profile.h"
#include "vit/engine/want.h"

namespace vit::engine {

/// Preprocessed images in plain memory of the CPU: float32 [batch, channels, height, width],
/// row-major, without gaps. They are read during the call and not kept.
struct Input {
  const float* images = nullptr;
  std::int64_t batch = 0, channels = 0, height = 0, width = 0;
};

/// What was wanted; the rest is empty. Reuse one for many calls: its memory is kept.
struct Output {
  Array logits;                 ///< [batch, logits_shape()]
  std::vector<Array> features;  ///< as many as were wanted, each [batch, feature_shape()]
  /// Where the model looked: [batch, grid height, grid width], not negative, the largest value of
  /// each map 1.
  Array attention;
};

/// What an engine decided on.
struct Choices {
  std::string engine;     ///< `packed` or `modules`
  std::string precision;  ///< `fp32`, `bf16`, …
  std::string kernels;    ///< level of instructions, or the library whose kernels they are
  std::string device;     ///< `cpu`, `cuda:0`
  int threads = 0;        ///< at most; an image of few operations is worked on by one
  int strict_layers = 0;  ///< of fp32x3: linear layers that are in fp32 for their outliers
};

/// A model ready for calls from several threads at the same time.
class Engine {
 public:
  virtual ~Engine() = default;

  /// Throws DataError where the input's shape is not one that the model takes, UsageError where the
  /// model lacks what is wanted (check_want).
  virtual void run(const Input& input, const Want& want, Output& output) const = 0;

  /// The same, and how long each step took; none where the engine knows no steps, and does nothing.
  virtual std::optional<Profile> profile(const Input& /*input*/, const Want& /*want*/,
                                         Output& /*output*/) const {
    return std::nullopt;
  }

  /// The steps that `want` takes, for images of the model's own size; none where the engine knows
  /// no steps.
  virtual std::vector<StepReport> steps(const Want& /*want*/) const { return {}; }

  virtual Choices choices() const = 0;
};

}  // namespace vit::engine
