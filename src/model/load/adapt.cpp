#include "model/load/adapt.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "model/load/resample.h"
#include "vit/core/error.h"
#include "vit/nn/linear.h"
#include "vit/runtime/generator.h"

namespace vit::model {
namespace {

void remove_layer(std::vector<Weight>& weights, const std::string& layer) {
  std::erase_if(weights,
                [&](const Weight& weight) { return weight.name.starts_with(layer + "."); });
}

/// A new Linear, drawn as init_vit_weights does.
void add_head(std::vector<Weight>& weights, const std::string& layer, std::int64_t classes,
              std::int64_t features, std::uint64_t seed) {
  using state_dict::Tensor;
  const auto drawn = [=](bool meta) {
    if (meta) return Tensor::meta(io::DType::kF32, {classes, features});
    const at::NoGradGuard no_grad;
    nn::LinearImpl linear(nn::LinearOptions(features, classes));
    linear.reset_parameters(runtime::make_generator(seed));
    return from_torch(linear.weight.detach());
  };
  const auto zero = [=](bool meta) {
    return meta ? Tensor::meta(io::DType::kF32, {classes})
                : Tensor::zeros(io::DType::kF32, {classes});
  };
  weights.push_back(created(layer + ".weight", "drawn at random", drawn));
  weights.push_back(created(layer + ".bias", "zero", zero));
}

void adapt_head(std::vector<Weight>& weights, ModelConfig& config, std::int64_t classes,
                std::uint64_t seed, Log* log) {
  auto& model = config.model;
  if (classes == model.num_classes()) return;
  if (log != nullptr)
    log->info("{} classes instead of {}: {}", classes, model.num_classes(),
              classes == 0 ? "the head is dropped" : "the head is new, drawn at random");
  remove_layer(weights, "head");
  remove_layer(weights, "head_dist");
  model.num_classes(classes);
  set_labels(config, {});
  if (classes == 0) return;
  const auto representation = model.representation_size().value_or(0);
  const auto features =
      representation != 0 && !model.distilled() ? representation : model.embed_dim();
  add_head(weights, "head", classes, features, seed);
  if (model.distilled()) add_head(weights, "head_dist", classes, model.embed_dim(), seed + 1);
}

Size2d model_grid(const VisionTransformerOptions& model) {
  return {model.img_size()[0] / model.patch_size()[0], model.img_size()[1] / model.patch_size()[1]};
}

/// The grid that the position embedding was made for: the source model's where it accounts for
/// every token, else a square one (timm's get_pretrained_grid_size and resample_abs_pos_embed).
Size2d source_grid(std::int64_t tokens, Size2d declared) {
  if (declared[0] * declared[1] == tokens) return declared;
  const auto side = std::llround(std::floor(std::sqrt(static_cast<double>(tokens))));
  if (tokens < 1 || side * side != tokens)
    throw DataError("pos_embed: expected {} tokens or a square number, found {}",
                    declared[0] * declared[1], tokens);
  return {side, side};
}

void resample_positions(std::vector<Weight>& weights, Size2d declared, Size2d wanted,
                        std::int64_t prefix, const Interpolation& how, Log* log) {
  auto* weight = find(weights, "pos_embed");
  if (weight == nullptr) return;
  const auto shape = weight->meta();
  if (shape.dim() != 3) return;
  const auto old = source_grid(shape.size(1) - prefix, declared);
  if (old == wanted) return;
  if (log != nullptr)
    log->info("position embedding resampled from {} × {} to {} × {}", old[0], old[1], wanted[0],
              wanted[1]);
  *weight =
      transformed(std::move(*weight),
                  format("resampled from {} × {} to {} × {}", old[0], old[1], wanted[0], wanted[1]),
                  torch_step([=](const torch::Tensor& x) {
                    return resample_pos_embed(x, old, wanted, prefix, how);
                  }));
}

void resample_patches(std::vector<Weight>& weights, Size2d wanted, const Interpolation& how,
                      Log* log) {
  auto* weight = find(weights, "patch_embed.proj.weight");
  if (weight == nullptr) return;
  const auto shape = weight->meta();
  if (shape.dim() != 4 || (shape.size(2) == wanted[0] && shape.size(3) == wanted[1])) return;
  if (log != nullptr)
    log->info("patch embedding resampled from {} × {} to {} × {} pixels", shape.size(2),
              shape.size(3), wanted[0], wanted[1]);
  *weight = transformed(
      std::move(*weight), format("resampled to {} × {}", wanted[0], wanted[1]),
      torch_step([=](const torch::Tensor& x) { return resample_patch_embed(x, wanted, how); }));
}

void adapt_channels(std::vector<Weight>& weights, ModelConfig& config, std::int64_t in_c,
                    Log* log) {
  if (in_c == config.model.in_c()) return;
  if (log != nullptr)
    log->info("{} input channel{} instead of {}", in_c, in_c == 1 ? "" : "s", config.model.in_c());
  const auto old = static_cast<std::size_t>(config.model.in_c());
  config.model.in_c(in_c);
  match_channels(config, "the model with other channels", old);
  auto* weight = find(weights, "patch_embed.proj.weight");
  if (weight == nullptr || weight->meta().dim() != 4) return;
  *weight = transformed(
      std::move(*weight), format("adapted to {} channels", in_c),
      torch_step([=](const torch::Tensor& x) { return adapt_input_channels(x, in_c); }));
}

/// timm's default, or its own for the models that prefer another (`_create_vision_transformer`).
Interpolation interpolation_for(const ModelConfig& config, const std::string& name,
                                const Resampling& resampling) {
  if (!name.empty()) return interpolation_from_name(name);
  const auto is = [&](const char* part) {
    return config.architecture.find(part) != std::string::npos;
  };
  if (is("flexi")) return interpolation_from_name("bilinear");
  auto how = resampling.how.value_or(Interpolation{});
  if (resampling.square_then_cropped)
    how.align_corners = is("base_patch16_radio_v3") || is("huge_patch16_radio_v3");
  return how;
}

/// RADIO's rule: the grid becomes a square of the model's longer side, cut at the top left.
void resample_square_then_crop(std::vector<Weight>& weights, Size2d declared, Size2d wanted,
                               const Interpolation& how, Log* log) {
  const auto side = std::max(wanted[0], wanted[1]);
  resample_positions(weights, declared, {side, side}, 0, how, log);
  auto* weight = find(weights, "pos_embed");
  if (weight == nullptr || wanted[0] == wanted[1] || weight->meta().dim() != 3) return;
  *weight = transformed(std::move(*weight), format("cut to {} × {}", wanted[0], wanted[1]),
                        [=](const state_dict::Tensor& x) {
                          return x.reshape({1, side, side, -1})
                              .slice(1, 0, wanted[0])
                              .slice(2, 0, wanted[1])
                              .reshape({1, wanted[0] * wanted[1], -1});
                        });
}

void resample(std::vector<Weight>& weights, ModelConfig& config, const Adaptation& adaptation,
              const Resampling& resampling, Log* log) {
  auto& model = config.model;
  const auto declared = model_grid(model);
  if (adaptation.img_size) model.img_size(*adaptation.img_size);
  if (adaptation.patch_size) model.patch_size(*adaptation.patch_size);
  check_config(config, "the model with another size");
  const auto how = interpolation_for(config, adaptation.pos_interp, resampling);
  resample_patches(weights, model.patch_size(), how, log);
  if (resampling.square_then_cropped)
    resample_square_then_crop(weights, declared, model_grid(model), how, log);
  else
    resample_positions(weights, declared, model_grid(model), model.num_embedded_prefix_tokens(),
                       how, log);
}

}  // namespace

void adapt_weights(std::vector<Weight>& weights, ModelConfig& config, const Adaptation& adaptation,
                   const Resampling& resampling, Log* log) {
  if (adaptation.img_size || adaptation.patch_size || !adaptation.pos_interp.empty() ||
      resampling.always)
    resample(weights, config, adaptation, resampling, log);
  if (adaptation.in_c) adapt_channels(weights, config, *adaptation.in_c, log);
  if (adaptation.num_classes)
    adapt_head(weights, config, *adaptation.num_classes, adaptation.seed, log);
}

}  // namespace vit::model
