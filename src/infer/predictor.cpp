#include "vit/infer/predictor.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <charconv>
#include <mutex>

#include "attention_map.h"
#include "own_module.h"
#include "tokens.h"
#include "vit/core/error.h"
#include "vit/runtime/device.h"

namespace vit::infer {

FeatureKind parse_feature_kind(const std::string& text) {
  static const std::map<std::string, FeatureKind::Kind> kinds{{"cls", FeatureKind::kCls},
                                                              {"mean", FeatureKind::kMean},
                                                              {"tokens", FeatureKind::kTokens},
                                                              {"pooled", FeatureKind::kPooled}};
  if (const auto it = kinds.find(text); it != kinds.end()) return {it->second};
  if (text.rfind("layer:", 0) == 0) {
    FeatureKind kind{FeatureKind::kLayer};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 6, end, kind.layer);
    if (error == std::errc() && stop == end && kind.layer >= 0) return kind;
  }
  throw UsageError("--features: expected cls, mean, tokens, pooled or layer:N, found '{}'", text);
}

AttentionMethod parse_attention_method(const std::string& text) {
  if (text == "last") return AttentionMethod::kLast;
  if (text == "rollout") return AttentionMethod::kRollout;
  throw UsageError("--attention-method: expected last or rollout, found '{}'", text);
}

namespace {

at::ScalarType parse_precision(const PredictorOptions& options) {
  if (options.engine != "auto" && options.engine != "modules")
    throw UsageError("--engine: expected auto or modules, found '{}'", options.engine);
  if (options.precision == "auto" || options.precision == "fp32") return at::kFloat;
  if (options.precision == "bf16") return at::kBFloat16;
  throw UsageError("--precision: the modules run in auto, fp32 or bf16, found '{}'",
                   options.precision);
}

model::LoadOptions load_options(const PredictorOptions& options) {
  parse_precision(options);  // before a large file is read
  model::LoadOptions load;
  load.architecture = options.architecture;
  load.config_file = options.config_file;
  load.device = options.device;
  return load;
}

at::Tensor result(const at::Tensor& x) { return x.to(at::kCPU, at::kFloat).contiguous(); }

}  // namespace

struct Predictor::State {
  State(ModelConfig config_, std::shared_ptr<model::VisionTransformerImpl> model_,
        const PredictorOptions& options)
      : config(std::move(config_)),
        model(std::move(model_)),
        device(options.device),
        dtype(parse_precision(options)) {}

  ModelConfig config;
  std::shared_ptr<model::VisionTransformerImpl> model;  // its forward is not const
  c10::Device device;
  at::ScalarType dtype;

  mutable std::once_flag transform_made;
  mutable std::unique_ptr<const data::EvalTransform> transform;

  /// On the device, in the model's precision; checked.
  at::Tensor input(const at::Tensor& x) const {
    const auto& options = config.model;
    if (x.dim() != 4 || x.size(1) != options.in_c())
      throw DataError("model input: expected [B, {}, {}, {}], found {}", options.in_c(),
                      options.img_size()[0], options.img_size()[1], x.sizes().vec());
    return x.to(device, dtype);
  }
};

Predictor::Predictor(const std::filesystem::path& path, const PredictorOptions& options, Log* log) {
  auto loaded = model::load_model(path, load_options(options), log);
  // Nobody else has this module: it is converted where it stands.
  loaded.model->to(options.device, parse_precision(options));
  loaded.model->eval();
  state_ = std::make_shared<State>(std::move(loaded.config), loaded.model.ptr(), options);
}

Predictor::Predictor(model::LoadedModel loaded, const PredictorOptions& options) {
  runtime::prepare_device(options.device);
  auto own = own_module(loaded.model.ptr(), options.device, parse_precision(options));
  state_ = std::make_shared<State>(std::move(loaded.config), std::move(own), options);
}

at::Tensor Predictor::predict(const at::Tensor& x) const {
  const c10::InferenceMode guard;
  return result(state_->model->forward(state_->input(x)).logits);
}

at::Tensor Predictor::predict(std::span<const data::Image> images) const {
  return predict(preprocess(images));
}

at::Tensor Predictor::features(const at::Tensor& x, const FeatureKind& kind) const {
  const c10::InferenceMode guard;
  return result(run_features(*state_->model, state_->input(x), kind));
}

at::Tensor Predictor::features(std::span<const data::Image> images, const FeatureKind& kind) const {
  return features(preprocess(images), kind);
}

at::Tensor Predictor::attention(const at::Tensor& x, AttentionMethod method) const {
  const c10::InferenceMode guard;
  return result(trace_attention(*state_->model, state_->input(x), method).attention);
}

WithAttention Predictor::predict_with_attention(const at::Tensor& x, AttentionMethod method) const {
  const c10::InferenceMode guard;
  auto& model = *state_->model;
  const auto traced = trace_attention(model, state_->input(x), method);
  return {result(model.forward_head(model.norm->forward(traced.tokens)).logits),
          result(traced.attention)};
}

WithAttention Predictor::features_with_attention(const at::Tensor& x, const FeatureKind& kind,
                                                 AttentionMethod method) const {
  const c10::InferenceMode guard;
  auto& model = *state_->model;
  need_feature(model, kind);
  const bool one_layer = kind.kind == FeatureKind::kLayer;
  const auto traced = trace_attention(model, state_->input(x), method,
                                      one_layer ? std::optional(kind.layer) : std::nullopt);
  return {result(one_layer ? traced.layer
                           : features_of(model, model.norm->forward(traced.tokens), kind)),
          result(traced.attention)};
}

at::Tensor Predictor::attention(std::span<const data::Image> images, AttentionMethod method) const {
  return attention(preprocess(images), method);
}

at::Tensor Predictor::preprocess(std::span<const data::Image> images) const {
  const auto& to_input = transform();
  const auto [c, h, w] = input_shape();
  auto x = at::empty({static_cast<std::int64_t>(images.size()), c, h, w}, at::kFloat);
  auto* data = x.mutable_data_ptr<float>();
  const auto numel = static_cast<std::size_t>(to_input.numel());
  at::parallel_for(0, x.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      to_input(images[i], {data + i * numel, numel});
  });
  return x;
}

const data::EvalTransform& Predictor::transform() const {
  // Made when a picture comes, so that a model that is fed tensors needs no preprocessing.
  std::call_once(state_->transform_made, [this] {
    const auto& options = state_->config.model;
    if (options.in_c() != 1 && options.in_c() != 3)
      throw DataError("model: pictures have 1 or 3 channels, found in_c {}: feed it tensors",
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
  auto shape = feature_shape({FeatureKind::kPooled});
  if (num_classes() > 0) shape.back() = num_classes();
  return shape;
}

std::vector<std::int64_t> Predictor::feature_shape(const FeatureKind& kind) const {
  return feature_row_shape(*state_->model, kind);
}

Json Predictor::choices() const {
  return {{"engine", "modules"},
          {"precision", state_->dtype == at::kFloat ? "fp32" : "bf16"},
          {"device", state_->device.str()},
          {"threads", at::get_num_threads()}};
}

}  // namespace vit::infer
