// Position and patch embeddings of one size made fit another, as timm does it.
#pragma once

#include <torch/types.h>

#include <string>

#include "vit/core/visit.h"
#include "vit/state_dict/source.h"

namespace vit::model {

using state_dict::Interpolation;

/// `--pos-interp`'s names: bicubic, bicubic-noaa, bilinear. Throws UsageError.
Interpolation interpolation_from_name(const std::string& name);

/// pos_embed: [1, prefix + old_h * old_w, dim] → [1, prefix + new_h * new_w, dim]; the first
/// `prefix` tokens stay. timm's resample_abs_pos_embed (timm/layers/pos_embed.py, 1.0.31).
torch::Tensor resample_pos_embed(const torch::Tensor& pos_embed, Size2d old_grid, Size2d new_grid,
                                 std::int64_t prefix, const Interpolation& how);

/// weight: [out, in, h, w] → [out, in, new_h, new_w], by the pseudo-inverse of the resize
/// (FlexiViT, https://arxiv.org/abs/2212.08013). timm's resample_patch_embed
/// (timm/layers/patch_embed.py).
torch::Tensor resample_patch_embed(const torch::Tensor& weight, Size2d new_size,
                                   const Interpolation& how);

/// weight: [out, in, h, w] → [out, in_c, h, w]: summed for one channel, else repeated and scaled by
/// in / in_c. timm's adapt_input_conv (timm/models/_manipulate.py).
torch::Tensor adapt_input_channels(const torch::Tensor& weight, std::int64_t in_c);

}  // namespace vit::model
