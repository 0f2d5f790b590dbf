#include "vit/engine/packed_engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <span>

#include "engine/magnitude.h"
#include "engine/workspace.h"
#include "vit/core/error.h"
#include "vit/core/threads.h"

namespace vit::engine {

namespace {

/// Sizes of images whose workspaces are kept.
constexpr std::size_t kSizesKept = 4;

/// Room for what is wanted; the rest becomes empty.
void prepare_output(const config::VisionTransformerOptions& model, const Geometry& geometry,
                    std::int64_t batch, const Want& want, Output& output) {
  const auto resize = [&](Array& array, const ValueShape& values) {
    if (values.rows == 0)
      array.resize({batch, values.columns});
    else
      array.resize({batch, values.rows, values.columns});
  };
  if (want.logits)
    resize(output.logits, logits_values(model, geometry.grid));
  else
    output.logits.clear();
  output.features.resize(want.features.size());
  for (std::size_t i = 0; i < want.features.size(); ++i)
    resize(output.features[i], feature_values(model, want.features[i], geometry.grid));
  if (want.attention)
    output.attention.resize({batch, geometry.grid.height, geometry.grid.width});
  else
    output.attention.clear();
}

/// What came of images that hold a value which is none, where rows of a fixed scale have made a
/// number of it.
void spoil_results(const Input& input, Output& output) {
  const auto size = static_cast<std::size_t>(input.channels * input.height * input.width);
  for (std::int64_t i = 0; i < input.batch; ++i) {
    const auto image = std::span(input.images, size * static_cast<std::size_t>(input.batch))
                           .subspan(size * static_cast<std::size_t>(i), size);
    if (std::isfinite(largest_magnitude(image))) continue;
    const auto spoil = [i](Array& array) {
      if (array.numel() > 0) std::ranges::fill(array.row(i), NAN);
    };
    spoil(output.logits);
    for (auto& feature : output.features) spoil(feature);
    spoil(output.attention);
  }
}

/// Rows of fp32 from which six products of bfloat16 are faster than one of float32. On 384 values
/// they take three quarters of its time; on 192 as much, and more where other programs use the
/// same AMX.
constexpr std::int64_t kLeastWidthOfSixProducts = 384;

Isa fastest_isa(Precision precision, const config::VisionTransformerOptions& model) {
  const bool narrow = model.embed_dim() < kLeastWidthOfSixProducts;
  return precision == Precision::kFp32 && narrow ? std::min(detect_isa(), Isa::kAvx512)
                                                 : detect_isa();
}

}  // namespace

struct PackedEngine::State {
  Plan plan;
  std::shared_ptr<ThreadTeam> team;
  double share_from = 0.0;
  mutable std::mutex mutex;
  /// The last used first.
  mutable std::vector<std::shared_ptr<const Geometry>> geometries;
  mutable std::vector<std::unique_ptr<Workspace>> free;  ///< workspaces that no call uses

  /// Moves to the front, or makes. Under the mutex.
  std::shared_ptr<const Geometry> geometry(std::int64_t height, std::int64_t width) const {
    const auto found = std::find_if(geometries.begin(), geometries.end(), [&](const auto& known) {
      return known->height == height && known->width == width;
    });
    if (found != geometries.end()) {
      std::rotate(geometries.begin(), found, found + 1);
      return geometries.front();
    }
    geometries.insert(geometries.begin(),
                      std::make_shared<const Geometry>(plan.geometry(height, width)));
    if (geometries.size() > kSizesKept) {
      std::erase_if(free, [&](const auto& workspace) {
        return &workspace->geometry() == geometries.back().get();
      });
      geometries.pop_back();
    }
    return geometries.front();
  }

  std::unique_ptr<Workspace> take(std::int64_t height, std::int64_t width) const {
    const std::lock_guard lock(mutex);
    auto geometry = this->geometry(height, width);
    const auto found = std::find_if(free.begin(), free.end(), [&](const auto& workspace) {
      return &workspace->geometry() == geometry.get();
    });
    if (found == free.end())
      return std::make_unique<Workspace>(plan, std::move(geometry), team->size());
    auto workspace = std::move(*found);
    free.erase(found);
    return workspace;
  }

  void give_back(std::unique_ptr<Workspace> workspace) const {
    const std::lock_guard lock(mutex);
    const bool known = std::any_of(geometries.begin(), geometries.end(), [&](const auto& geometry) {
      return geometry.get() == &workspace->geometry();
    });
    if (known) free.push_back(std::move(workspace));
  }

  const PlannedStep& step(std::size_t i) const {
    const auto images = plan.image_steps.size();
    return i < images ? plan.image_steps[i] : plan.batch_steps[i - images];
  }
  std::size_t step_count() const { return plan.image_steps.size() + plan.batch_steps.size(); }

  StepReport report(std::size_t i, const Geometry& geometry) const {
    const auto& step = *this->step(i).step;
    return {step.name(), step.describe(), i >= plan.image_steps.size(), step.flops(geometry), 0.0};
  }

  /// `events`: one list a thread, or null. With an observer on the calling thread alone.
  void run(const Input& input, const Want& want, Output& output, std::vector<Events>* events,
           Observer* observer = nullptr) const {
    if (input.channels != plan.model.in_c())
      throw DataError("engine: expected images of {} channels, found {}", plan.model.in_c(),
                      input.channels);
    Call call;
    call.images = input.images;
    call.batch = input.batch;
    call.image_size = input.channels * input.height * input.width;
    call.demand = plan.demand(want);
    call.want = &want;
    call.output = &output;
    call.observer = observer;
    auto workspace = take(input.height, input.width);
    call.shared_images = workspace->image_flops(call.demand) >= share_from;
    prepare_output(plan.model, workspace->geometry(), input.batch, want, output);
    if (input.batch > 0) {
      workspace->reserve(input.batch, call.demand.needs);
      workspace->start();
      const auto part = [&](int rank, int count) {
        workspace->run(call, rank, count,
                       events != nullptr ? &(*events)[static_cast<std::size_t>(rank)] : nullptr);
      };
      if (observer != nullptr || (input.batch == 1 && !call.shared_images))
        part(0, 1);
      else
        team->run(part);
      if (plan.has_fixed_scales()) spoil_results(input, output);
    }
    give_back(std::move(workspace));
  }
};

PackedEngine::PackedEngine(const config::VisionTransformerOptions& model,
                           const WeightLookup& weights, const EngineOptions& options)
    : state_(std::make_unique<State>()) {
  const auto isa = options.isa().value_or(fastest_isa(options.precision(), model));
  const auto& isas = supported_isas();
  if (std::find(isas.begin(), isas.end(), isa) == isas.end())
    throw UsageError("engine: expected a level up to {}, which this machine has, found {}",
                     isa_name(detect_isa()), isa_name(isa));
  if (options.precision() == Precision::kFp32x3 && isa < Isa::kAmx)
    throw UsageError("engine: precision fp32x3: expected level amx, found {}", isa_name(isa));
  const int threads = options.threads() > 0 ? options.threads() : available_cores();
  state_->share_from = options.share_from();
  state_->team = options.team() ? options.team() : std::make_shared<ThreadTeam>(threads);
  state_->plan = build_plan(model, weights,
                            {level_of(options.precision(), isa, options.low_memory()),
                             options.precision(), options.low_memory(), state_->team.get()});
}

PackedEngine::~PackedEngine() = default;
PackedEngine::PackedEngine(PackedEngine&&) noexcept = default;
PackedEngine& PackedEngine::operator=(PackedEngine&&) noexcept = default;

void PackedEngine::run(const Input& input, const Want& want, Output& output) const {
  state_->run(input, want, output, nullptr);
}

Choices PackedEngine::choices() const {
  return {.engine = "packed",
          .precision = std::string(precision_name(state_->plan.precision)),
          .kernels = std::string(isa_name(isa())),
          .device = "cpu",
          .threads = threads(),
          .strict_layers = static_cast<int>(state_->plan.strict_layers.size())};
}

void PackedEngine::observe(const Input& input, Observer& observer) const {
  if (state_->plan.precision != Precision::kFp32)
    throw UsageError("engine: observing: expected precision fp32, found {}",
                     precision_name(state_->plan.precision));
  Output output;
  const FeatureKind all_tokens{.kind = FeatureKind::kTokens};
  state_->run(input, {.features = {all_tokens}}, output, nullptr, &observer);
}

std::vector<StepReport> PackedEngine::steps(const Want& want) const {
  const auto& plan = state_->plan;
  const auto [height, width] = plan.model.img_size();
  const auto geometry = plan.geometry(height, width);
  const auto demand = plan.demand(want);
  std::vector<StepReport> reports;
  for (std::size_t i = 0; i < state_->step_count(); ++i)
    if (state_->step(i).wanted(demand)) reports.push_back(state_->report(i, geometry));
  return reports;
}

std::optional<Profile> PackedEngine::profile(const Input& input, const Want& want,
                                             Output& output) const {
  const auto& plan = state_->plan;
  std::vector<Events> events(static_cast<std::size_t>(threads()));
  const auto begin = std::chrono::steady_clock::now();
  state_->run(input, want, output, &events);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;

  Profile profile;
  profile.batch = input.batch;
  const auto worked = [](const auto& of_thread) { return !of_thread.empty(); };
  profile.threads =
      std::max(1, static_cast<int>(std::count_if(events.begin(), events.end(), worked)));
  profile.seconds = seconds.count();
  profile.peak = kernels::measure_peak(isa(), plan.format) * profile.threads;
  const auto geometry = plan.geometry(input.height, input.width);
  const auto demand = plan.demand(want);
  std::vector<std::size_t> places(state_->step_count());  // in the report
  for (std::size_t i = 0; i < places.size(); ++i) {
    places[i] = profile.steps.size();
    if (state_->step(i).wanted(demand)) profile.steps.push_back(state_->report(i, geometry));
  }
  const std::chrono::duration<double> start = begin.time_since_epoch();
  for (const auto& thread : events)
    for (auto event : thread) {
      event.step = places[event.step];
      event.begin -= start.count();
      profile.steps[event.step].seconds += event.seconds / profile.threads;
      profile.events.push_back(event);
    }
  return profile;
}

Isa PackedEngine::isa() const { return state_->plan.isa; }
int PackedEngine::threads() const { return state_->team->size(); }

}  // namespace vit::engine
