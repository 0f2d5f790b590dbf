#include "vit/engine/packed_engine.h"

#include <algorithm>
#include <mutex>

#include "engine/workspace.h"
#include "vit/core/error.h"
#include "vit/core/threads.h"

namespace vit::engine {

struct PackedEngine::State {
  Plan plan;
  std::shared_ptr<ThreadTeam> team;
  std::mutex mutex;
  std::vector<std::unique_ptr<Workspace>> free;  ///< workspaces that no call uses

  std::unique_ptr<Workspace> take() {
    const std::lock_guard lock(mutex);
    if (free.empty()) return std::make_unique<Workspace>(plan, team->size());
    auto workspace = std::move(free.back());
    free.pop_back();
    return workspace;
  }

  void give_back(std::unique_ptr<Workspace> workspace) {
    const std::lock_guard lock(mutex);
    free.push_back(std::move(workspace));
  }

  /// `seconds`: [threads][steps], or null.
  void run(const float* images, std::int64_t batch, float* output, double* seconds) {
    if (batch == 0) return;
    auto workspace = take();
    workspace->reserve(batch);
    const auto steps = plan.image_steps.size() + plan.batch_steps.size();
    workspace->start();
    team->run([&](int rank, int count) {
      workspace->run(
          images, batch, output, rank, count,
          seconds != nullptr ? seconds + static_cast<std::size_t>(rank) * steps : nullptr);
    });
    give_back(std::move(workspace));
  }
};

PackedEngine::PackedEngine(const config::VisionTransformerOptions& model,
                           const WeightLookup& weights, const EngineOptions& options)
    : state_(std::make_unique<State>()) {
  const auto isa = options.isa().value_or(detect_isa());
  const auto& isas = supported_isas();
  if (std::find(isas.begin(), isas.end(), isa) == isas.end())
    throw UsageError("engine: expected a level up to {}, which this machine has, found {}",
                     isa_name(detect_isa()), isa_name(isa));
  state_->plan = build_plan(model, weights, isa);
  const int threads = options.threads() > 0 ? options.threads() : available_cores();
  state_->team = options.team() ? options.team() : std::make_shared<ThreadTeam>(threads);
}

PackedEngine::~PackedEngine() = default;
PackedEngine::PackedEngine(PackedEngine&&) noexcept = default;
PackedEngine& PackedEngine::operator=(PackedEngine&&) noexcept = default;

void PackedEngine::run(const float* images, std::int64_t batch, float* output) const {
  state_->run(images, batch, output, nullptr);
}

std::vector<StepReport> PackedEngine::steps() const {
  std::vector<StepReport> reports;
  const auto add = [&](const std::vector<StepPtr>& steps, bool per_batch) {
    for (const auto& step : steps)
      reports.push_back({step->name(), step->describe(), per_batch, step->flops(), 0.0});
  };
  add(state_->plan.image_steps, false);
  add(state_->plan.batch_steps, true);
  return reports;
}

std::vector<StepReport> PackedEngine::profile(const float* images, std::int64_t batch,
                                              float* output) const {
  auto reports = steps();
  const auto threads = static_cast<std::size_t>(this->threads());
  std::vector<double> seconds(threads * reports.size(), 0.0);
  state_->run(images, batch, output, seconds.data());
  for (std::size_t i = 0; i < seconds.size(); ++i)
    reports[i % reports.size()].seconds += seconds[i] / static_cast<double>(threads);
  return reports;
}

std::int64_t PackedEngine::input_size() const { return state_->plan.input_size; }
std::int64_t PackedEngine::output_size() const {
  return state_->plan.output_rows * state_->plan.output_columns;
}
Isa PackedEngine::isa() const { return state_->plan.isa; }
int PackedEngine::threads() const { return state_->team->size(); }

}  // namespace vit::engine
