// Every value that makes one VisionTransformer differ from another. The defaults are the seed's.
#pragma once

#include <torch/arg.h>

#include <cstdint>
#include <optional>
#include <string>

#include "vit/core/visit.h"

namespace vit::model {

/// The seed's argument names first, then what timm's models need beyond them, by timm's names.
struct VisionTransformerOptions {
  TORCH_ARG(Size2d, img_size) = {224, 224};     ///< pixels, [H, W]
  TORCH_ARG(Size2d, patch_size) = {16, 16};     ///< pixels, [H, W]
  TORCH_ARG(std::int64_t, in_c) = 3;            ///< input channels
  TORCH_ARG(std::int64_t, num_classes) = 1000;  ///< 0: no head
  TORCH_ARG(std::int64_t, embed_dim) = 768;
  TORCH_ARG(std::int64_t, depth) = 12;
  TORCH_ARG(std::int64_t, num_heads) = 12;
  TORCH_ARG(double, mlp_ratio) = 4.0;  ///< hidden width of the MLP / embed_dim
  TORCH_ARG(bool, qkv_bias) = true;
  TORCH_ARG(std::optional<double>, qk_scale);                   ///< null (or 0): head_dim ** -0.5
  TORCH_ARG(std::optional<std::int64_t>, representation_size);  ///< null (or 0): no pre_logits
  TORCH_ARG(bool, distilled) = false;                           ///< a second token and head_dist
  TORCH_ARG(double, drop_ratio) = 0.0;       ///< after the position embedding and in the MLP
  TORCH_ARG(double, attn_drop_ratio) = 0.0;  ///< Seed: built, never applied
  TORCH_ARG(double, drop_path_ratio) = 0.0;  ///< rises linearly from 0 over the depth

  TORCH_ARG(bool, patch_norm) = true;          ///< norm layer after the patch projection
  TORCH_ARG(std::string, dist_head) = "seed";  ///< seed: on x[:, 1:], eval gives head(x) alone;
                                               ///< timm: on the token, eval gives the mean
  TORCH_ARG(std::optional<double>, proj_drop_rate);  ///< timm's: after attention's projection and
                                                     ///< in the MLP; null: drop_path_ratio and
                                                     ///< drop_ratio, as in the seed
  TORCH_ARG(std::optional<bool>, proj_bias);         ///< timm's: of attention's projection and the
                                              ///< MLP; null: qkv_bias and true, as in the seed
  TORCH_ARG(bool, fused_attn) = true;  ///< scaled_dot_product_attention; false: explicit softmax
};

template <class Visitor>
void visit(VisionTransformerOptions& o, Visitor&& v) {
  v("img_size", o.img_size());
  v("patch_size", o.patch_size());
  v("in_c", o.in_c());
  v("num_classes", o.num_classes());
  v("embed_dim", o.embed_dim());
  v("depth", o.depth());
  v("num_heads", o.num_heads());
  v("mlp_ratio", o.mlp_ratio());
  v("qkv_bias", o.qkv_bias());
  v("qk_scale", o.qk_scale());
  v("representation_size", o.representation_size());
  v("distilled", o.distilled());
  v("drop_ratio", o.drop_ratio());
  v("attn_drop_ratio", o.attn_drop_ratio());
  v("drop_path_ratio", o.drop_path_ratio());
  v("patch_norm", o.patch_norm());
  v("dist_head", o.dist_head());
  v("proj_drop_rate", o.proj_drop_rate());
  v("proj_bias", o.proj_bias());
  v("fused_attn", o.fused_attn());
}

}  // namespace vit::model
