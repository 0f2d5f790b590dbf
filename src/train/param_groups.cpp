#include "vit/train/param_groups.h"

#include <cmath>
#include <set>

#include "vit/core/error.h"

namespace vit::train {
namespace {

const std::set<std::string>& embeddings() {
  static const std::set<std::string> names{"pos_embed", "cls_token", "reg_token", "dist_token"};
  return names;
}

bool is_decayed(const std::string& name, const at::Tensor& parameter) {
  return parameter.dim() > 1 && !name.ends_with(".bias") && !embeddings().contains(name);
}

/// timm's group_matcher of a ViT: the stem, the blocks (the norm belongs to the last), the rest.
std::int64_t layer_of(const std::string& name, std::int64_t depth) {
  static const std::string kBlock = "block.";
  if (name.starts_with(kBlock)) return std::stoll(name.substr(kBlock.size())) + 1;
  if (name.starts_with("norm.")) return depth;
  const bool stem = name.starts_with("patch_embed.") || name.starts_with("norm_pre.") ||
                    embeddings().contains(name);
  return stem ? 0 : depth + 1;
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor>> trained_parameters(const torch::nn::Module& model) {
  std::vector<std::pair<std::string, at::Tensor>> trained;
  for (const auto& item : model.named_parameters())
    if (item.value().requires_grad()) trained.emplace_back(item.key(), item.value());
  return trained;
}

std::vector<ParamGroup> make_param_groups(const torch::nn::Module& model, double weight_decay,
                                          std::optional<double> layer_decay, std::int64_t depth) {
  return make_param_groups(trained_parameters(model), weight_decay, layer_decay, depth);
}

std::vector<ParamGroup> make_param_groups(
    const std::vector<std::pair<std::string, at::Tensor>>& parameters, double weight_decay,
    std::optional<double> layer_decay, std::int64_t depth) {
  std::vector<ParamGroup> groups;
  for (const auto& [name, parameter] : parameters) {
    const double decay = is_decayed(name, parameter) ? weight_decay : 0.0;
    const auto behind = static_cast<double>(depth + 1 - layer_of(name, depth));
    const double lr_scale = layer_decay ? std::pow(*layer_decay, behind) : 1.0;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const ParamGroup& g) {
      return g.weight_decay == decay && g.lr_scale == lr_scale;
    });
    if (group == groups.end()) group = groups.insert(groups.end(), {decay, lr_scale, {}, {}});
    group->names.push_back(name);
    group->parameters.push_back(parameter);
  }
  return groups;
}

void freeze_blocks(const torch::nn::Module& model, std::int64_t blocks, std::int64_t depth) {
  if (blocks > depth)
    throw UsageError("freeze_blocks: expected at most {}, the model's blocks, found {}", depth,
                     blocks);
  if (blocks == 0) return;
  // The norm of a pooled model's features, which timm counts to the head, goes with the last block.
  const auto frozen = [&](const std::string& name) {
    return name.starts_with("fc_norm.") ? blocks == depth : layer_of(name, depth) <= blocks;
  };
  for (const auto& item : model.named_parameters())
    if (frozen(item.key())) at::Tensor(item.value()).requires_grad_(false);
}

}  // namespace vit::train
