// Every value that makes one VisionTransformer differ from another. The defaults are the seed's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vit/core/arg.h"
#include "vit/core/visit.h"

namespace vit::config {

/// Channels of an image, at most.
inline constexpr std::int64_t kMaxChannels = 4096;

/// The seed's argument names first, then what timm's models need beyond them, by timm's names.
struct VisionTransformerOptions {
  VIT_ARG(Size2d, img_size) = {224, 224};     ///< pixels, [H, W]
  VIT_ARG(Size2d, patch_size) = {16, 16};     ///< pixels, [H, W]
  VIT_ARG(std::int64_t, in_c) = 3;            ///< input channels
  VIT_ARG(std::int64_t, num_classes) = 1000;  ///< 0: no head
  VIT_ARG(std::int64_t, embed_dim) = 768;
  VIT_ARG(std::int64_t, depth) = 12;
  VIT_ARG(std::int64_t, num_heads) = 12;
  VIT_ARG(double, mlp_ratio) = 4.0;  ///< hidden width of the MLP / embed_dim
  VIT_ARG(bool, qkv_bias) = true;
  VIT_ARG(std::optional<double>, qk_scale);                   ///< null (or 0): head_dim ** -0.5
  VIT_ARG(std::optional<std::int64_t>, representation_size);  ///< null (or 0): no pre_logits
  VIT_ARG(bool, distilled) = false;                           ///< a second token and head_dist
  VIT_ARG(double, drop_ratio) = 0.0;       ///< after the position embedding and in the MLP
  VIT_ARG(double, attn_drop_ratio) = 0.0;  ///< Seed: built, never applied
  VIT_ARG(double, drop_path_ratio) = 0.0;  ///< rises linearly from 0 over the depth

  VIT_ARG(bool, patch_norm) = true;                ///< norm layer after the patch projection
  VIT_ARG(std::string, dist_head) = "seed";        ///< seed: on x[:, 1:], eval gives head(x) alone;
                                                   ///< timm: on the token, eval gives the mean
  VIT_ARG(std::optional<double>, proj_drop_rate);  ///< timm's: after attention's projection and
                                                   ///< in the MLP; null: drop_path_ratio and
                                                   ///< drop_ratio, as in the seed
  VIT_ARG(std::optional<bool>, proj_bias);         ///< timm's: of attention's projection and the
                                                   ///< MLP; null: qkv_bias and true, as in the seed
  VIT_ARG(bool, fused_attn) = true;  ///< scaled_dot_product_attention; false: explicit softmax

  // timm's further arguments, by its names (timm/models/vision_transformer.py, 1.0.31).
  VIT_ARG(std::string,
          global_pool) = "token";               ///< token, avg, avgmax, max, map, prr, or none: ''
  VIT_ARG(bool, qk_norm) = false;               ///< a norm of each head's queries and keys
  VIT_ARG(bool, scale_attn_norm) = false;       ///< a norm before attention's projection
  VIT_ARG(bool, scale_mlp_norm) = false;        ///< a norm before the MLP's second layer
  VIT_ARG(std::optional<double>, init_values);  ///< LayerScale's start; null: no LayerScale
  VIT_ARG(bool, class_token) = true;
  VIT_ARG(std::string, pos_embed) = "learn";       ///< learn or none
  VIT_ARG(bool, no_embed_class) = false;           ///< the position embedding leaves out the prefix
  VIT_ARG(std::int64_t, reg_tokens) = 0;           ///< register tokens after the class token
  VIT_ARG(bool, pre_norm) = false;                 ///< a norm before the blocks, and no bias in the
                                                   ///< patch projection
  VIT_ARG(bool, final_norm) = true;                ///< a norm after the blocks or the pooling
  VIT_ARG(std::optional<bool>, fc_norm);           ///< that norm after the pooling; null: with avg,
                                                   ///< avgmax and max
  VIT_ARG(bool, pool_include_prefix) = false;      ///< pools the prefix tokens too
  VIT_ARG(bool, dynamic_img_size) = false;         ///< any image size; pos_embed is resampled
  VIT_ARG(bool, dynamic_img_pad) = false;          ///< pads images to whole patches
  VIT_ARG(double, drop_rate) = 0.0;                ///< before the head
  VIT_ARG(double, patch_drop_rate) = 0.0;          ///< whole patches, while training
  VIT_ARG(std::optional<double>, attn_drop_rate);  ///< of the attention weights, applied; null:
                                                   ///< attn_drop_ratio, which is not
  VIT_ARG(std::optional<std::string>,
          embed_norm_layer);  ///< after the patch projection, patch_norm
                              ///< or not; names as norm_layer's
  VIT_ARG(double, embed_norm_eps) = 1e-6;
  VIT_ARG(std::optional<std::string>, norm_layer);  ///< layernorm or rmsnorm; null: layernorm
  VIT_ARG(double, norm_eps) = 1e-6;
  VIT_ARG(std::optional<std::string>, act_layer);  ///< nn::make_activation's names; null: gelu
  VIT_ARG(std::string, block_fn) = "Block";        ///< nn::make_block's names
  VIT_ARG(std::string, mlp_layer) = "mlp";         ///< nn::make_mlp's names
  VIT_ARG(std::string, attn_layer);                ///< nn::make_attention's names

 public:
  /// Class, distillation and register tokens.
  std::int64_t num_prefix_tokens() const {
    return (class_token_ ? 1 : 0) + (distilled_ ? 1 : 0) + reg_tokens_;
  }
  /// The tokens of pos_embed that stand for no patch.
  std::int64_t num_embedded_prefix_tokens() const {
    return no_embed_class_ ? 0 : num_prefix_tokens();
  }
};

/// Throws DataError, opened by `where` and naming the field, for values that no model can have or
/// that contradict each other. Constructors and readers of configurations call it.
void check_options(const VisionTransformerOptions& options, const std::string& where);

/// `timm`: the argument's name in timm's constructor, where it has it.
template <class Visitor>
void visit(VisionTransformerOptions& o, Visitor&& v) {
  const std::vector<std::string> norms{"layernorm", "rmsnorm"};
  v("img_size", o.img_size(), Field{.low = 1, .high = 65536, .timm = "img_size"});
  v("patch_size", o.patch_size(), Field{.low = 1, .high = 65536, .timm = "patch_size"});
  v("in_c", o.in_c(), Field{.low = 1, .high = kMaxChannels, .timm = "in_chans"});
  v("num_classes", o.num_classes(), Field{.low = 0, .high = 1e7, .timm = "num_classes"});
  v("embed_dim", o.embed_dim(), Field{.low = 1, .high = 65536, .timm = "embed_dim"});
  v("depth", o.depth(), Field{.low = 1, .high = 1000, .timm = "depth"});
  v("num_heads", o.num_heads(), Field{.low = 1, .high = 65536, .timm = "num_heads"});
  v("mlp_ratio", o.mlp_ratio(), Field{.low = 0, .high = 64, .timm = "mlp_ratio"});
  v("qkv_bias", o.qkv_bias(), Field{.timm = "qkv_bias"});
  v("qk_scale", o.qk_scale(), Field{.low = -1e6, .high = 1e6});
  v("representation_size", o.representation_size(), Field{.low = 0, .high = 65536});
  v("distilled", o.distilled());
  v("drop_ratio", o.drop_ratio(), Field{.low = 0, .high = 1, .timm = "pos_drop_rate"});
  v("attn_drop_ratio", o.attn_drop_ratio(), Field{.low = 0, .high = 1});
  v("drop_path_ratio", o.drop_path_ratio(), Field{.low = 0, .high = 1, .timm = "drop_path_rate"});
  v("patch_norm", o.patch_norm());
  v("dist_head", o.dist_head(), Field{.names = {"seed", "timm"}});
  v("proj_drop_rate", o.proj_drop_rate(), Field{.low = 0, .high = 1, .timm = "proj_drop_rate"});
  v("proj_bias", o.proj_bias(), Field{.timm = "proj_bias"});
  v("fused_attn", o.fused_attn());
  v("global_pool", o.global_pool(),
    Field{.names = {"token", "avg", "avgmax", "max", "map", "prr", ""}, .timm = "global_pool"});
  v("qk_norm", o.qk_norm(), Field{.timm = "qk_norm"});
  v("scale_attn_norm", o.scale_attn_norm(), Field{.timm = "scale_attn_norm"});
  v("scale_mlp_norm", o.scale_mlp_norm(), Field{.timm = "scale_mlp_norm"});
  v("init_values", o.init_values(), Field{.low = -1e6, .high = 1e6, .timm = "init_values"});
  v("class_token", o.class_token(), Field{.timm = "class_token"});
  v("pos_embed", o.pos_embed(), Field{.names = {"learn", "none", ""}, .timm = "pos_embed"});
  v("no_embed_class", o.no_embed_class(), Field{.timm = "no_embed_class"});
  v("reg_tokens", o.reg_tokens(), Field{.low = 0, .high = 65536, .timm = "reg_tokens"});
  v("pre_norm", o.pre_norm(), Field{.timm = "pre_norm"});
  v("final_norm", o.final_norm(), Field{.timm = "final_norm"});
  v("fc_norm", o.fc_norm(), Field{.timm = "fc_norm"});
  v("pool_include_prefix", o.pool_include_prefix(), Field{.timm = "pool_include_prefix"});
  v("dynamic_img_size", o.dynamic_img_size(), Field{.timm = "dynamic_img_size"});
  v("dynamic_img_pad", o.dynamic_img_pad(), Field{.timm = "dynamic_img_pad"});
  v("drop_rate", o.drop_rate(), Field{.low = 0, .high = 1, .timm = "drop_rate"});
  v("patch_drop_rate", o.patch_drop_rate(), Field{.low = 0, .high = 1, .timm = "patch_drop_rate"});
  v("attn_drop_rate", o.attn_drop_rate(), Field{.low = 0, .high = 1, .timm = "attn_drop_rate"});
  v("embed_norm_layer", o.embed_norm_layer(), Field{.names = norms, .timm = "embed_norm_layer"});
  v("embed_norm_eps", o.embed_norm_eps(), Field{.low = 0, .high = 1, .timm = "embed_norm_eps"});
  v("norm_layer", o.norm_layer(), Field{.names = norms, .timm = "norm_layer"});
  v("norm_eps", o.norm_eps(), Field{.low = 0, .high = 1, .timm = "norm_eps"});
  v("act_layer", o.act_layer(),
    Field{.names = {"gelu", "gelu_tanh", "identity", "mish", "quick_gelu", "relu", "sigmoid",
                    "silu", "swish", "tanh"},
          .timm = "act_layer"});
  v("block_fn", o.block_fn(),
    Field{.names = {"Block", "ResPostBlock", "ParallelScalingBlock", "DiffParallelScalingBlock",
                    "ParallelThingsBlock"},
          .timm = "block_fn"});
  v("mlp_layer", o.mlp_layer(),
    Field{.names = {"mlp", "glumlp", "swiglu_packed", "swiglu"}, .timm = "mlp_layer"});
  v("attn_layer", o.attn_layer(), Field{.names = {"", "attn", "diff"}, .timm = "attn_layer"});
}

}  // namespace vit::config

namespace vit {
using config::VisionTransformerOptions;
}  // namespace vit
