#include "vit/model/vision_transformer.h"

#include "vit/core/error.h"
#include "vit/nn/activation.h"
#include "vit/nn/block.h"
#include "vit/nn/identity.h"
#include "vit/nn/layer_norm.h"
#include "vit/nn/linear.h"
#include "vit/nn/patch_embed.h"
#include "vit/nn/pre_logits.h"

namespace vit::model {
namespace {

void check_options(const VisionTransformerOptions& options) {
  if (options.dist_head() != "seed" && options.dist_head() != "timm")
    throw DataError("vision_transformer: expected dist_head seed or timm, found '{}'",
                    options.dist_head());
}

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

}  // namespace

VisionTransformerImpl::VisionTransformerImpl(VisionTransformerOptions options_,
                                             const torch::TensorOptions& tensor_options,
                                             const VisionTransformerLayers& layers, bool init)
    : options(std::move(options_)) {
  check_options(options);
  const auto dim = options.embed_dim();
  const auto embed_layer = layers.embed_layer ? layers.embed_layer : make_patch_embed;
  const auto norm_layer = layers.norm_layer ? layers.norm_layer : nn::layer_norm_factory(1e-6);
  // Seed: one instance, shared by every Mlp.
  const auto act_layer = layers.act_layer ? layers.act_layer : std::make_shared<nn::GeluImpl>();

  // Seed: the model's norm layer also goes into the patch embedding.
  patch_embed = register_module<nn::EmbedLayer>(
      "patch_embed",
      embed_layer(nn::PatchEmbedOptions()
                      .img_size(options.img_size())
                      .patch_size(options.patch_size())
                      .in_c(options.in_c())
                      .embed_dim(dim),
                  options.patch_norm() ? norm_layer : nn::NormFactory(), tensor_options));
  const std::int64_t num_tokens = options.distilled() ? 2 : 1;
  cls_token = register_parameter("cls_token", at::empty({1, 1, dim}, tensor_options));
  if (options.distilled())
    dist_token = register_parameter("dist_token", at::empty({1, 1, dim}, tensor_options));
  pos_embed = register_parameter(
      "pos_embed", at::empty({1, patch_embed->num_patches() + num_tokens, dim}, tensor_options));
  pos_drop = register_module("pos_drop", nn::Dropout(options.drop_ratio()));

  block = register_module("block", torch::nn::Sequential());
  for (const double drop_path : drop_path_ratios(options.drop_path_ratio(), options.depth()))
    block->push_back<nn::Layer>(
        std::make_shared<nn::BlockImpl>(nn::BlockOptions(dim, options.num_heads())
                                            .mlp_ratio(options.mlp_ratio())
                                            .qkv_bias(options.qkv_bias())
                                            .qk_scale(options.qk_scale())
                                            .drop_ratio(options.drop_ratio())
                                            .attn_drop_ratio(options.attn_drop_ratio())
                                            .drop_path_ratio(drop_path)
                                            .proj_drop_rate(options.proj_drop_rate())
                                            .proj_bias(options.proj_bias())
                                            .fused(options.fused_attn()),
                                        norm_layer, act_layer, tensor_options));
  norm = register_module<nn::Layer>("norm", norm_layer(dim, tensor_options));

  // Seed: no representation layer in a distilled model.
  const auto representation = options.distilled() ? 0 : options.representation_size().value_or(0);
  pre_logits = std::make_shared<nn::IdentityImpl>();
  if (representation != 0)
    pre_logits = std::make_shared<nn::PreLogitsImpl>(dim, representation, tensor_options);
  register_module("pre_logits", pre_logits);
  head = register_module<nn::Layer>("head", make_head(representation != 0 ? representation : dim,
                                                      options.num_classes(), tensor_options));
  if (options.distilled())
    head_dist = register_module<nn::Layer>("head_dist",
                                           make_head(dim, options.num_classes(), tensor_options));

  if (init && !cls_token.is_meta())
    init_vit_weights(*this, at::globalContext().defaultGenerator(cls_token.device()));
}

torch::Tensor VisionTransformerImpl::embed(const torch::Tensor& x) {
  const auto B = x.size(0);
  auto patches = patch_embed->forward(x);  // [B, num_patches, embed_dim]
  std::vector<torch::Tensor> tokens{cls_token.expand({B, -1, -1})};
  if (dist_token.defined()) tokens.push_back(dist_token.expand({B, -1, -1}));
  tokens.push_back(patches);
  return pos_drop(at::cat(tokens, 1) + pos_embed);  // [B, N, embed_dim]
}

VisionTransformerFeatures VisionTransformerImpl::forward_features(const torch::Tensor& x) {
  auto tokens = embed(x);  // [B, N, embed_dim]
  if (!block->is_empty()) tokens = block->forward(tokens);
  tokens = norm->forward(tokens);     // [B, N, embed_dim]
  auto pooled = tokens.select(1, 0);  // [B, embed_dim]
  if (options.distilled()) return {pooled, tokens.slice(1, 1)};
  return {pre_logits->forward(pooled), {}};  // [B, num_features]
}

VisionTransformerOutput VisionTransformerImpl::forward(const torch::Tensor& x) {
  const auto [pooled, tokens] = forward_features(x);
  auto logits = head->forward(pooled);  // [B, num_classes]
  if (!options.distilled()) return {logits, {}};
  // Seed: head_dist sees every token after the class token; timm's sees the distillation token.
  const bool timm = options.dist_head() == "timm";
  if (!is_training() && !timm) return {logits, {}};
  auto dist_logits = head_dist->forward(timm ? tokens.select(1, 0) : tokens);
  if (is_training()) return {logits, dist_logits};
  return {(logits + dist_logits) / 2, {}};
}

std::vector<std::pair<std::string, torch::Tensor>> state_dict(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, torch::Tensor>> entries;
  for (const auto& item : module.named_parameters(/*recurse=*/false))
    entries.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers(/*recurse=*/false))
    entries.emplace_back(item.key(), item.value());
  for (const auto& child : module.named_children())
    for (auto& [name, tensor] : state_dict(*child.value()))
      entries.emplace_back(child.key() + "." + name, std::move(tensor));
  return entries;
}

}  // namespace vit::model
