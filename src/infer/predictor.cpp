#include "vit/infer/predictor.h"

#include <mutex>

#include "open_engine.h"
#include "vit/core/error.h"
#include "vit/core/threads.h"

namespace vit::infer {

struct Predictor::State {
  State(std::unique_ptr<engine::Engine> engine_, ModelConfig config_)
      : config(std::move(config_)), engine(std::move(engine_)) {
    const auto& options = config.model;
    grid = engine::patch_grid(options, options.img_size()[0], options.img_size()[1]);
  }

  ModelConfig config;
  std::unique_ptr<const engine::Engine> engine;
  engine::Grid grid;

  mutable std::once_flag transform_made;
  mutable std::unique_ptr<const data::EvalTransform> transform;
};

Predictor::Predictor(const std::filesystem::path& path, const PredictorOptions& options, Log* log) {
  auto opened = open_engine(path, options, log);
  state_ = std::make_shared<State>(std::move(opened.engine), std::move(opened.config));
}

Predictor::Predictor(std::unique_ptr<engine::Engine> engine, ModelConfig config)
    : state_(std::make_shared<State>(std::move(engine), std::move(config))) {}

engine::Input Predictor::input_of(const Array& x) const {
  if (x.shape.size() != 4) {
    const auto [c, h, w] = input_shape();
    throw DataError("model input: expected [B, {}, {}, {}], found {}", c, h, w, x.shape);
  }
  return {x.data.data(), x.size(0), x.size(1), x.size(2), x.size(3)};
}

engine::Output Predictor::run(const Array& x, const engine::Want& want) const {
  engine::Output output;
  state_->engine->run(input_of(x), want, output);
  return output;
}

std::vector<engine::StepReport> Predictor::steps() const { return state_->engine->steps({}); }

engine::Profile Predictor::profile(const Array& x) const {
  engine::Output output;
  auto profile = state_->engine->profile(input_of(x), {}, output);
  if (!profile)
    throw UsageError("`engine`: expected packed, whose steps can be timed, found {}",
                     state_->engine->choices().engine);
  return *std::move(profile);
}

Array Predictor::predict(const Array& x) const { return run(x, {}).logits; }

Array Predictor::predict(std::span<const ImageView> images) const {
  return predict(preprocess(images));
}

Array Predictor::features(const Array& x, const FeatureKind& kind) const {
  return std::move(run(x, {false, {kind}, {}}).features.front());
}

Array Predictor::features(std::span<const ImageView> images, const FeatureKind& kind) const {
  return features(preprocess(images), kind);
}

Array Predictor::attention(const Array& x, AttentionMethod method) const {
  return run(x, {false, {}, method}).attention;
}

Array Predictor::attention(std::span<const ImageView> images, AttentionMethod method) const {
  return attention(preprocess(images), method);
}

Array Predictor::preprocess(std::span<const ImageView> images) const {
  const auto& to_input = transform();
  const auto [c, h, w] = input_shape();
  Array x({static_cast<std::int64_t>(images.size()), c, h, w});
  if (images.size() == 1) {
    to_input(images[0], x.row(0));
    return x;
  }
  ThreadPool pool(std::min<int>(available_cores(), static_cast<int>(images.size())));
  std::vector<std::future<void>> made;
  for (std::size_t i = 0; i < images.size(); ++i)
    made.push_back(
        pool.submit([&, i] { to_input(images[i], x.row(static_cast<std::int64_t>(i))); }));
  for (auto& one : made) one.wait();
  for (auto& one : made) one.get();
  return x;
}

const data::EvalTransform& Predictor::transform() const {
  // Made when an image comes, so that a model that is fed values needs no preprocessing.
  std::call_once(state_->transform_made, [this] {
    const auto& options = state_->config.model;
    if (options.in_c() != 1 && options.in_c() != 3)
      throw DataError("model: images have 1 or 3 channels, found in_c {}: feed it tensors",
                      options.in_c());
    state_->transform = std::make_unique<const data::EvalTransform>(
        state_->config.preprocessing, options.img_size(), options.in_c());
  });
  return *state_->transform;
}

const ModelConfig& Predictor::config() const { return state_->config; }

std::array<std::int64_t, 3> Predictor::input_shape() const {
  const auto& options = state_->config.model;
  return {options.in_c(), options.img_size()[0], options.img_size()[1]};
}

std::int64_t Predictor::num_classes() const { return state_->config.model.num_classes(); }

std::vector<std::int64_t> Predictor::output_shape() const {
  return engine::logits_shape(state_->config.model, state_->grid);
}

std::vector<std::int64_t> Predictor::feature_shape(const FeatureKind& kind) const {
  engine::check_want(state_->config.model, {false, {kind}, {}});
  return engine::feature_shape(state_->config.model, kind, state_->grid);
}

Json Predictor::choices() const {
  const auto chosen = state_->engine->choices();
  Json json = {{"engine", chosen.engine},
               {"precision", chosen.precision},
               {"kernels", chosen.kernels},
               {"device", chosen.device},
               {"threads", chosen.threads}};
  if (chosen.strict_layers > 0) json["strict_layers"] = chosen.strict_layers;
  return json;
}

}  // namespace vit::infer
