#include "engine/modules.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "vit/core/random.h"
#include "vit/model/vision_transformer.h"

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
  std::map<std::string, at::Tensor> tensors;
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

WeightLookup Modules::weights() const {
  return [state = state_](const std::string& name) -> std::optional<WeightView> {
    const auto found = state->tensors.find(name);
    if (found == state->tensors.end()) return std::nullopt;
    const auto& tensor = found->second;
    return WeightView{tensor.sizes().vec(),
                      {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())},
                      state};
  };
}

std::vector<float> Modules::run(const std::vector<float>& images, std::int64_t batch) const {
  const c10::InferenceMode inference;
  const auto& options = state_->model->options;
  const auto [height, width] = options.img_size();
  const auto x = at::from_blob(const_cast<float*>(images.data()),  // only read
                               {batch, options.in_c(), height, width});
  const auto logits = state_->model->forward(x).logits.contiguous();
  return {logits.const_data_ptr<float>(), logits.const_data_ptr<float>() + logits.numel()};
}

std::vector<float> random_images(const config::VisionTransformerOptions& options,
                                 std::int64_t batch) {
  const auto [height, width] = options.img_size();
  Random random(2);
  std::vector<float> images(static_cast<std::size_t>(batch * options.in_c() * height * width));
  for (auto& pixel : images) pixel = static_cast<float>(random.normal());
  return images;
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
  return error / size;
}

}  // namespace vit::engine
