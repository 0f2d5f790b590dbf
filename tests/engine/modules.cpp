#include "engine/modules.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "vit/core/random.h"
#include "vit/model/vision_transformer.h"
#include "vit/nn/layer.h"

namespace vit::engine {
namespace {

/// Position embedding and tokens like the patches; matrices keep the spread; norms stay near one.
void draw(at::Tensor parameter, const std::string& name) {
  const auto ends_with = [&](const char* end) { return name.ends_with(end); };
  const bool gain = ends_with("norm.weight") || ends_with("norm1.weight") ||
                    ends_with("norm2.weight") || ends_with("norm_pre.weight") || ends_with("gamma");
  if (name == "pos_embed" || ends_with("_token") || ends_with("latent"))
    parameter.normal_(0.0, 0.5);
  else if (parameter.dim() >= 2)
    parameter.normal_(0.0, 1.0 / std::sqrt(static_cast<double>(parameter[0].numel())));
  else
    parameter.normal_(gain ? 1.0 : 0.0, 0.1);
}

}  // namespace

struct Modules::State {
  VisionTransformer model{nullptr};
  std::map<std::string, at::Tensor> tensors, scales;
};

Modules::Modules(const config::VisionTransformerOptions& options)
    : state_(std::make_shared<State>()) {
  torch::manual_seed(1);
  state_->model = VisionTransformer(options);
  state_->model->eval();
  const at::NoGradGuard no_grad;
  for (auto& item : state_->model->named_parameters()) draw(item.value(), item.key());
  for (const auto& [name, tensor] : model::state_dict(*state_->model))
    state_->tensors.emplace(name, tensor.detach().contiguous());
}

void Modules::round_to(Precision precision) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_->tensors) {
    const bool narrow = precision == Precision::kBf16 || precision == Precision::kInt8;
    if (!narrow || !name.starts_with("block.") || tensor.dim() != 2) continue;
    if (precision == Precision::kBf16) {
      tensor.copy_(tensor.to(at::kBFloat16).to(at::kFloat));
      continue;
    }
    // Not the scale that the engine would choose.
    const auto scale = tensor.abs().amax(1) / 120.0;
    state_->scales[name] = scale;
    tensor.copy_((tensor / scale.unsqueeze(1)).round() * scale.unsqueeze(1));
  }
}

WeightLookup Modules::weights() const {
  return [state = state_](const std::string& name) -> std::optional<WeightView> {
    const auto found = state->tensors.find(name);
    if (found == state->tensors.end()) return std::nullopt;
    const auto& tensor = found->second;
    const auto floats = [](const at::Tensor& values) {
      return std::span(values.const_data_ptr<float>(), static_cast<std::size_t>(values.numel()));
    };
    const auto scale = state->scales.find(name);
    return WeightView{
        tensor.sizes().vec(), floats(tensor), state,
        scale == state->scales.end() ? std::span<const float>() : floats(scale->second)};
  };
}

namespace {

Array array_of(const at::Tensor& tensor) {
  const auto values = tensor.contiguous();
  const auto* data = values.const_data_ptr<float>();
  Array array(values.sizes().vec());
  array.data.assign(data, data + values.numel());
  return array;
}

/// What vit::infer's Predictor says of a kind.
at::Tensor feature_of(model::VisionTransformerImpl& model, const std::vector<at::Tensor>& layers,
                      const FeatureKind& kind) {
  if (kind.kind == FeatureKind::kLayer) return layers[static_cast<std::size_t>(kind.layer)];
  const auto tokens = model.norm->forward(layers.back());
  if (kind.kind == FeatureKind::kCls) return tokens.select(1, 0);
  if (kind.kind == FeatureKind::kMean)
    return tokens.slice(1, model.options.num_prefix_tokens()).mean(1);
  return kind.kind == FeatureKind::kTokens ? tokens : model.pool(tokens);
}

/// `weights`: of each block, mean over heads, [B, N, N].
at::Tensor attention_map(const config::VisionTransformerOptions& options,
                         const std::vector<at::Tensor>& weights, AttentionMethod method) {
  auto seen = weights.back();
  if (method == AttentionMethod::kRollout) {
    const auto eye = at::eye(seen.size(-1));
    seen = eye;
    for (const auto& block : weights) seen = ((block + eye) / 2).matmul(seen);
  }
  const auto from = options.class_token() ? seen.select(1, 0) : seen.mean(1);
  const auto map = from.slice(1, options.num_prefix_tokens()).clamp_min(0);
  return map / map.amax(1, true).clamp_min(1e-30);
}

}  // namespace

Output Modules::run(const Input& input, const Want& want) const {
  const c10::InferenceMode inference;
  auto& model = *state_->model;
  const auto& options = model.options;
  const auto x = at::from_blob(const_cast<float*>(input.images),  // only read
                               {input.batch, input.channels, input.height, input.width});
  std::vector<at::Tensor> layers, weights;
  auto tokens = model.embed(x);
  for (std::size_t i = 0; i < model.block->size(); ++i) {
    const auto block = model.block->ptr(i);
    if (want.attention)
      weights.push_back(
          dynamic_cast<nn::AttendingLayer&>(*block).attention_weights(tokens).mean(1));
    tokens = dynamic_cast<nn::Layer&>(*block).forward(tokens);
    layers.push_back(tokens);
  }
  Output output;
  if (want.logits) output.logits = array_of(model.forward(x).logits);
  for (const auto& kind : want.features)
    output.features.push_back(array_of(feature_of(model, layers, kind)));
  if (want.attention) {
    const auto grid = patch_grid(options, input.height, input.width);
    output.attention = array_of(attention_map(options, weights, *want.attention)
                                    .reshape({input.batch, grid.height, grid.width}));
  }
  return output;
}

Images::Images(const config::VisionTransformerOptions& options, std::int64_t batch,
               std::optional<std::array<std::int64_t, 2>> size) {
  const auto [own_height, own_width] = options.img_size();
  const auto [height, width] = size.value_or(std::array{own_height, own_width});
  Random random(2);
  pixels_.resize(static_cast<std::size_t>(batch * options.in_c() * height * width));
  for (auto& pixel : pixels_) pixel = static_cast<float>(random.normal());
  input_ = {nullptr, batch, options.in_c(), height, width};
}

Input Images::from(std::int64_t first, std::int64_t count) const {
  auto input = input_;
  input.images = pixels_.data() + first * input.channels * input.height * input.width;
  input.batch = count;
  return input;
}

double relative_error(const std::vector<float>& found, const std::vector<float>& expected) {
  if (found.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double error = 0.0, size = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    // Not a number is no agreement.
    const double difference = std::abs(double{found[i]} - expected[i]);
    error = difference <= error ? error : difference;
    size = std::max(size, std::abs(double{expected[i]}));
  }
  return size > 0.0 ? error / size : error;
}

double relative_error(const Array& found, const Array& expected) {
  if (found.shape != expected.shape) return std::numeric_limits<double>::infinity();
  return relative_error(found.data, expected.data);
}

}  // namespace vit::engine
