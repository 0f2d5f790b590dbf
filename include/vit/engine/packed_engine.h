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
#include "vit/engine/engine.h"
#include "vit/engine/observer.h"
#include "vit/engine/precision.h"
#include "vit/engine/profile.h"
#include "vit/engine/weights.h"

namespace vit::engine {

struct EngineOptions {
  VIT_ARG(std::optional<Isa>, isa);  ///< the machine must have it; none: its fastest for the model
  VIT_ARG(Precision, precision) = Precision::kFp32;
  /// Packs weights of fp32 in the file's size, instead of 7/4 of it (AVX2, AVX-512) or 3/2
  /// (AMX), for products that take a tenth or a half longer. Of fp32 alone.
  VIT_ARG(bool, low_memory) = false;
  VIT_ARG(int, threads) = 0;  ///< 0: the cores that the process may use
  /// Operations of an image from which several threads share it; a smaller one is a single
  /// thread's. Threads that share an image meet after each of its steps: some 0.1 ms a pass where
  /// every one has a core, and a time slice each where another program holds one.
  VIT_ARG(double, share_from) = 1e8;
  VIT_ARG(std::shared_ptr<ThreadTeam>, team);  ///< used in place of `threads`, also by several
                                               ///< engines
};

/// An image's values have the same bits whatever stands beside it in the batch, whatever the size
/// of the batch, the number of threads and what else is wanted, on one instruction-set level.
///
/// Calls from several threads work at the same time, each in a workspace of its own; a call that
/// finds the team busy works on its own thread alone. After the first call with a size of images, a
/// Want and this batch size, or a larger one, nothing is allocated. Workspaces of the last four
/// sizes of images are kept.
class PackedEngine : public Engine {
 public:
  /// Packs the weights. Throws DataError where one is missing or has another shape, or the model's
  /// options contradict each other; UsageError where the machine lacks `options.isa`.
  PackedEngine(const config::VisionTransformerOptions& model, const WeightLookup& weights,
               const EngineOptions& options = {});
  ~PackedEngine() override;
  PackedEngine(PackedEngine&&) noexcept;
  PackedEngine& operator=(PackedEngine&&) noexcept;

  void run(const Input& input, const Want& want, Output& output) const override;
  Choices choices() const override;

  std::optional<Profile> profile(const Input& input, const Want& want,
                                 Output& output) const override;

  /// Shows `observer` what the blocks' linear layers read, all tokens of all images, on the calling
  /// thread alone. Throws UsageError where the precision is not fp32.
  void observe(const Input& input, Observer& observer) const;

  std::vector<StepReport> steps(const Want& want) const override;

  Isa isa() const;
  int threads() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vit::engine
