// Other people's names and layouts for the same weights, as timm's checkpoint_filter_fn and
// load_pretrained take them (timm/models/vision_transformer.py, 1.0.31).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/resample.h"
#include "model/weight.h"

namespace vit::model {

/// What a dialect wants of the position and patch embedding beyond what the user asks for.
struct Resampling {
  bool always = false;               ///< to the model's grid, whatever the file's
  std::optional<Interpolation> how;  ///< instead of bicubic
  bool square_then_cropped = false;  ///< RADIO: to a square of the longer side, then cut
};

struct NamedWeights {
  std::vector<Weight> weights;
  std::vector<std::string> dropped;  ///< what the file has beside the model (text towers, …)
  std::string dialect;               ///< native, timm, jax, openai_clip, …
  bool optional_head = false;        ///< the head is a projection that the model may do without
  Resampling resampling;
};

/// `weights` under timm's names (`blocks.0.…`), from whichever dialect they are in.
NamedWeights to_timm_names(std::vector<Weight> weights);

/// Google's JAX names and layouts (`Transformer/encoderblock_0/…`, `params/img/…`); nothing where
/// the names are others.
std::optional<NamedWeights> from_jax(const std::vector<Weight>& weights);

}  // namespace vit::model
