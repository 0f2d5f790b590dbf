// A model as a packed program on plain memory: the forward pass without LibTorch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vit/config/vision_transformer_options.h"
#include "vit/core/arg.h"
#include "vit/core/isa.h"
#include "vit/core/thread_team.h"
#include "vit/engine/weights.h"

namespace vit::engine {

struct EngineOptions {
  VIT_ARG(std::optional<Isa>, isa);            ///< the machine must have it; none: its best
  VIT_ARG(int, threads) = 0;                   ///< 0: the cores that the process may use
  VIT_ARG(std::shared_ptr<ThreadTeam>, team);  ///< used in place of `threads`, also by several
                                               ///< engines
};

/// One step of the program, and how long it took where it was timed.
struct StepReport {
  std::string name;         ///< which part of the model: `block.3.mlp.fc1`
  std::string description;  ///< what it does: `linear 768 -> 3072, gelu`
  bool per_batch = false;   ///< runs once for all images of a batch, not for each
  double flops = 0.0;       ///< for one image; 0 where they are next to nothing
  double seconds = 0.0;     ///< of the whole batch, a mean over the threads
};

/// An image's output has the same bits whatever stands beside it in the batch, whatever the size of
/// the batch and the number of threads, on one instruction-set level.
class PackedEngine {
 public:
  /// Packs the weights. Throws DataError where one is missing or has another shape, or the model's
  /// options contradict each other; UsageError where the machine lacks `options.isa`.
  PackedEngine(const config::VisionTransformerOptions& model, const WeightLookup& weights,
               const EngineOptions& options = {});
  ~PackedEngine();
  PackedEngine(PackedEngine&&) noexcept;
  PackedEngine& operator=(PackedEngine&&) noexcept;

  /// images: float32 [batch, in_c, height, width]; output: [batch, output_size()] (logits, or
  /// features where the model has no head). Calls from several threads work at the same time, each
  /// in a workspace of its own; a call that finds the team busy works on its own thread alone.
  /// After the first call with this batch size, or a larger one, nothing is allocated.
  void run(const float* images, std::int64_t batch, float* output) const;

  /// The same, and how long each step took.
  std::vector<StepReport> profile(const float* images, std::int64_t batch, float* output) const;

  std::vector<StepReport> steps() const;

  std::int64_t input_size() const;   ///< floats of one image
  std::int64_t output_size() const;  ///< floats of one image's output
  Isa isa() const;
  int threads() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vit::engine
