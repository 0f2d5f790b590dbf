#include "vit/model/vision_transformer.h"

#include <set>

#include "vit/core/error.h"
#include "vit/nn/activation.h"
#include "vit/nn/attention_pool.h"
#include "vit/nn/block_kinds.h"
#include "vit/nn/identity.h"
#include "vit/nn/linear.h"
#include "vit/nn/norm.h"
#include "vit/nn/patch_dropout.h"
#include "vit/nn/patch_embed.h"
#include "vit/nn/pre_logits.h"

namespace vit::model {
namespace {

/// Rises linearly from 0 to `ratio` over the depth; float32, as torch.linspace computes it.
std::vector<double> drop_path_ratios(double ratio, std::int64_t depth) {
  const auto rates = at::linspace(0.0, ratio, depth, at::kFloat).to(at::kDouble);
  return {rates.const_data_ptr<double>(), rates.const_data_ptr<double>() + depth};
}

nn::LayerPtr make_head(std::int64_t in, std::int64_t classes,
                       const torch::TensorOptions& tensor_options) {
  if (classes == 0) return std::make_shared<nn::IdentityImpl>();
  return std::make_shared<nn::LinearImpl>(nn::LinearOptions(in, classes), tensor_options);
}

nn::EmbedLayerPtr make_patch_embed(const nn::PatchEmbedOptions& options,
                                   const nn::NormFactory& norm_layer,
                                   const torch::TensorOptions& tensor_options) {
  return std::make_shared<nn::PatchEmbedImpl>(options, norm_layer, tensor_options);
}

/// The pool with layers of its own, or null.
nn::LayerPtr make_attn_pool(const VisionTransformerOptions& options,
                            const nn::NormFactory& norm_layer, const nn::LayerPtr& act_layer,
                            const torch::TensorOptions& tensor_options) {
  const auto pool = nn::AttentionPoolOptions(options.embed_dim(), options.num_heads())
                        .mlp_ratio(options.mlp_ratio())
                        .fused(options.fused_attn());
  if (options.global_pool() == "map")
    return std::make_shared<nn::AttentionPoolLatentImpl>(pool, norm_layer, act_layer,
                                                         tensor_options);
  if (options.global_pool() == "prr")
    return std::make_shared<nn::AttentionPoolPrrImpl>(pool, options.class_token());
  return nullptr;
}

nn::BlockOptions block_options(const VisionTransformerOptions& options, std::int64_t depth,
                               double drop_path) {
  return nn::BlockOptions(options.embed_dim(), options.num_heads())
      .mlp_ratio(options.mlp_ratio())
      .qkv_bias(options.qkv_bias())
      .qk_scale(options.qk_scale())
      .drop_ratio(options.drop_ratio())
      .attn_drop_ratio(options.attn_drop_ratio())
      .attn_drop_rate(options.attn_drop_rate())
      .drop_path_ratio(drop_path)
      .proj_drop_rate(options.proj_drop_rate())
      .proj_bias(options.proj_bias())
      .qk_norm(options.qk_norm())
      .scale_attn_norm(options.scale_attn_norm())
      .scale_mlp_norm(options.scale_mlp_norm())
      .init_values(options.init_values())
      .mlp_layer(options.mlp_layer())
      .attn_layer(options.attn_layer())
      .depth(depth)
      .fused(options.fused_attn());
}

}  // namespace

VisionTransformerImpl::VisionTransformerImpl(VisionTransformerOptions options_,
                                             const torch::TensorOptions& tensor_options,
                                             const VisionTransformerLayers& layers_, bool init)
    : options(std::move(options_)), layers(layers_) {
  check_options(options, "vision_transformer");
  const auto norm_layer =
      layers.norm_layer
          ? layers.norm_layer
          : nn::norm_factory(options.norm_layer().value_or("layernorm"), options.norm_eps());
  // Seed: one instance, shared by every Mlp.
  const auto act_layer = layers.act_layer
                             ? layers.act_layer
                             : nn::make_activation(options.act_layer().value_or("gelu"));
  build_embedding(norm_layer, tensor_options);
  build_blocks(norm_layer, act_layer, tensor_options);
  build_head(norm_layer, act_layer, tensor_options);
  const auto device = tensor_options.device();
  if (init && !device.is_meta())
    init_vit_weights(*this, at::globalContext().defaultGenerator(device));
}

void VisionTransformerImpl::build_embedding(const nn::NormFactory& norm_layer,
                                            const torch::TensorOptions& tensor_options) {
  const auto dim = options.embed_dim();
  const auto embed_layer = layers.embed_layer ? layers.embed_layer : make_patch_embed;
  // Seed: the model's norm layer also goes into the patch embedding.
  auto embed_norm = options.patch_norm() ? norm_layer : nn::NormFactory();
  if (options.embed_norm_layer())
    embed_norm = nn::norm_factory(*options.embed_norm_layer(), options.embed_norm_eps());
  patch_embed = register_module<nn::EmbedLayer>(
      "patch_embed", embed_layer(nn::PatchEmbedOptions()
                                     .img_size(options.img_size())
                                     .patch_size(options.patch_size())
                                     .in_c(options.in_c())
                                     .embed_dim(dim)
                                     .bias(!options.pre_norm())
                                     .strict_img_size(!options.dynamic_img_size())
                                     .dynamic_img_pad(options.dynamic_img_pad()),
                                 embed_norm, tensor_options));
  const auto register_tokens = [&](const char* name, std::int64_t count) {
    return register_parameter(name, at::empty({1, count, dim}, tensor_options));
  };
  if (options.class_token()) cls_token = register_tokens("cls_token", 1);
  if (options.reg_tokens() > 0) reg_token = register_tokens("reg_token", options.reg_tokens());
  if (options.distilled()) dist_token = register_tokens("dist_token", 1);
  if (options.pos_embed() == "learn")
    pos_embed = register_tokens("pos_embed",
                                patch_embed->num_patches() + options.num_embedded_prefix_tokens());
  pos_drop = register_module("pos_drop", nn::Dropout(options.drop_ratio()));
  patch_drop = std::make_shared<nn::IdentityImpl>();
  if (options.patch_drop_rate() > 0.0)
    patch_drop = std::make_shared<nn::PatchDropoutImpl>(options.patch_drop_rate(),
                                                        options.num_prefix_tokens());
  register_module("patch_drop", patch_drop);
  norm_pre = register_module<nn::Layer>(
      "norm_pre",
      nn::make_norm(options.pre_norm() ? norm_layer : nn::NormFactory(), dim, tensor_options));
}

void VisionTransformerImpl::build_blocks(const nn::NormFactory& norm_layer,
                                         const nn::LayerPtr& act_layer,
                                         const torch::TensorOptions& tensor_options) {
  block = register_module("block", torch::nn::Sequential());
  const auto drop_path = drop_path_ratios(options.drop_path_ratio(), options.depth());
  for (std::int64_t i = 0; i < options.depth(); ++i)
    block->push_back(
        nn::LayerPtr(nn::make_block(options.block_fn(), block_options(options, i, drop_path[i]),
                                    norm_layer, act_layer, tensor_options)));
}

void VisionTransformerImpl::build_head(const nn::NormFactory& norm_layer,
                                       const nn::LayerPtr& act_layer,
                                       const torch::TensorOptions& tensor_options) {
  const auto dim = options.embed_dim();
  static const std::set<std::string> averaging{"avg", "avgmax", "max"};
  const bool use_fc_norm = options.fc_norm().value_or(averaging.contains(options.global_pool()));
  const auto norm_if = [&](bool wanted) {
    return nn::make_norm(wanted ? norm_layer : nn::NormFactory(), dim, tensor_options);
  };
  norm = register_module<nn::Layer>("norm", norm_if(options.final_norm() && !use_fc_norm));
  attn_pool = make_attn_pool(options, norm_layer, act_layer, tensor_options);
  if (attn_pool) register_module("attn_pool", attn_pool);
  fc_norm = register_module<nn::Layer>("fc_norm", norm_if(options.final_norm() && use_fc_norm));

  // Seed: no representation layer in a distilled model.
  const auto representation = options.distilled() ? 0 : options.representation_size().value_or(0);
  pre_logits = std::make_shared<nn::IdentityImpl>();
  if (representation != 0)
    pre_logits = std::make_shared<nn::PreLogitsImpl>(dim, representation, tensor_options);
  register_module("pre_logits", pre_logits);
  head_drop = register_module("head_drop", nn::Dropout(options.drop_rate()));
  head = register_module<nn::Layer>("head", make_head(representation != 0 ? representation : dim,
                                                      options.num_classes(), tensor_options));
  if (options.distilled())
    head_dist = register_module<nn::Layer>("head_dist",
                                           make_head(dim, options.num_classes(), tensor_options));
}

}  // namespace vit::model
