// Which parameters are decayed, and by how much each layer's learning rate is scaled.
#pragma once

#include <torch/nn/module.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vit::train {

/// Parameters that are stepped alike.
struct ParamGroup {
  double weight_decay = 0.0;
  double lr_scale = 1.0;
  std::vector<std::string> names;
  std::vector<at::Tensor> parameters;  ///< the model's own
};

/// timm's rule (`timm.optim.param_groups_weight_decay`, 1.0.31): no decay of what has one dimension
/// or is a bias, nor of position embedding and tokens. With `layer_decay`
/// (`param_groups_layer_decay`), the embedding is layer 0, block i layer i + 1, the norm belongs to
/// the last block, and what follows is the last layer; the learning rate of layer i is scaled by
/// layer_decay ^ (last − i). `depth`: of the model.
std::vector<ParamGroup> make_param_groups(const torch::nn::Module& model, double weight_decay,
                                          std::optional<double> layer_decay, std::int64_t depth);
/// The same of any tensors under a model's names.
std::vector<ParamGroup> make_param_groups(
    const std::vector<std::pair<std::string, at::Tensor>>& parameters, double weight_decay,
    std::optional<double> layer_decay, std::int64_t depth);

/// Those parameters of a model that are trained.
std::vector<std::pair<std::string, at::Tensor>> trained_parameters(const torch::nn::Module& model);

/// Keeps the embedding and the first `blocks` blocks as they are; with all of them, the norm behind
/// them too, so that the head alone learns (and a pool's attention). Throws UsageError on more
/// blocks than there are.
void freeze_blocks(const torch::nn::Module& model, std::int64_t blocks, std::int64_t depth);

}  // namespace vit::train
