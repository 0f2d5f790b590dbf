// Other people's names and layouts for the same weights, as timm's checkpoint_filter_fn and
// load_pretrained take them (timm/models/vision_transformer.py, 1.0.31).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vit/state_dict/source.h"

namespace vit::state_dict {

/// `weights` under timm's names (`blocks.0.…`), from whichever dialect they are in.
NamedWeights to_timm_names(std::vector<Weight> weights);

/// Google's JAX names and layouts (`Transformer/encoderblock_0/…`, `params/img/…`); nothing where
/// the names are others.
std::optional<NamedWeights> from_jax(const std::vector<Weight>& weights);

}  // namespace vit::state_dict
