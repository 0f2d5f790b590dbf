#include "model/adapt.h"

#include <ATen/Functions.h>

#include "vit/nn/init.h"
#include "vit/runtime/generator.h"

namespace vit::model {
namespace {

void remove_weights(std::vector<Weight>& weights, const std::string& layer) {
  std::erase_if(weights,
                [&](const Weight& weight) { return weight.name.starts_with(layer + "."); });
}

/// A new Linear, drawn as init_vit_weights does.
void add_head(std::vector<Weight>& weights, const std::string& layer, std::int64_t classes,
              std::int64_t features, std::uint64_t seed) {
  const auto drawn = [=](bool meta) {
    auto weight = at::empty({classes, features}, at::device(meta ? at::kMeta : at::kCPU));
    if (!meta) nn::trunc_normal_(weight, 0.01, runtime::make_generator(seed));
    return weight;
  };
  const auto zero = [=](bool meta) {
    return at::zeros({classes}, at::device(meta ? at::kMeta : at::kCPU));
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
  remove_weights(weights, "head");
  remove_weights(weights, "head_dist");
  model.num_classes(classes);
  config.labels.clear();
  if (classes == 0) return;
  const auto representation = model.representation_size().value_or(0);
  const auto features =
      representation != 0 && !model.distilled() ? representation : model.embed_dim();
  add_head(weights, "head", classes, features, seed);
  if (model.distilled()) add_head(weights, "head_dist", classes, model.embed_dim(), seed + 1);
}

}  // namespace

void adapt_weights(std::vector<Weight>& weights, ModelConfig& config, const Adaptation& adaptation,
                   Log* log) {
  if (adaptation.num_classes)
    adapt_head(weights, config, *adaptation.num_classes, adaptation.seed, log);
}

}  // namespace vit::model
