#include <map>

#include "model/load/resample.h"
#include "vit/core/error.h"
#include "vit/model/vision_transformer.h"
#include "vit/nn/recompute.h"

namespace vit::model {
namespace {

/// Patches of x [B, in_c, H, W] in each direction.
Size2d grid_of(const torch::Tensor& x, const VisionTransformerOptions& options) {
  const auto [ph, pw] = options.patch_size();
  const bool pad = options.dynamic_img_pad();
  return {(x.size(2) + (pad ? ph - 1 : 0)) / ph, (x.size(3) + (pad ? pw - 1 : 0)) / pw};
}

/// The pools without layers of their own: [B, N, dim] → [B, dim].
torch::Tensor pool_tokens(const std::string& name, const torch::Tensor& x) {
  using Pool = torch::Tensor (*)(const torch::Tensor&);
  static const std::map<std::string, Pool> pools{
      {"", [](const torch::Tensor& t) { return t; }},
      {"avg", [](const torch::Tensor& t) { return t.mean(1); }},
      {"avgmax", [](const torch::Tensor& t) { return 0.5 * (t.amax(1) + t.mean(1)); }},
      {"max", [](const torch::Tensor& t) { return t.amax(1); }},
      {"token", [](const torch::Tensor& t) { return t.select(1, 0); }},
  };
  return pools.at(name)(x);
}

}  // namespace

std::string Observation::name() const {
  return index < 0 ? std::string(module) : format("{}.{}", module, index);
}

torch::Tensor VisionTransformerImpl::pos_embed_for(const torch::Tensor& x) const {
  if (!options.dynamic_img_size()) return pos_embed;
  const Size2d own{options.img_size()[0] / options.patch_size()[0],
                   options.img_size()[1] / options.patch_size()[1]};
  const auto grid = grid_of(x, options);
  if (grid == own) return pos_embed;
  return resample_pos_embed(pos_embed, own, grid, options.num_embedded_prefix_tokens(), {});
}

torch::Tensor VisionTransformerImpl::embed(const torch::Tensor& x, const Observer& see) {
  auto patches = patch_embed->forward(x);  // [B, num_patches, embed_dim]
  if (see) see({"patch_embed", -1, x, patches});
  const auto with_prefix = [&](const torch::Tensor& tokens) {
    std::vector<torch::Tensor> all;
    for (const auto& token : {cls_token, dist_token, reg_token})
      if (token.defined()) all.push_back(token.expand({x.size(0), -1, -1}));
    all.push_back(tokens);
    return all.size() == 1 ? tokens : at::cat(all, 1);
  };
  torch::Tensor tokens;  // [B, N, embed_dim]
  if (!pos_embed.defined())
    tokens = with_prefix(patches);  // timm: without pos_drop
  else if (options.no_embed_class())
    tokens = pos_drop(with_prefix(patches + pos_embed_for(x)));
  else
    tokens = pos_drop(with_prefix(patches) + pos_embed_for(x));
  tokens = patch_drop->forward(tokens);
  auto embedded = norm_pre->forward(tokens);  // [B, N, embed_dim]
  if (see) see({"norm_pre", -1, tokens, embedded});
  return embedded;
}

torch::Tensor VisionTransformerImpl::forward_blocks(torch::Tensor tokens, std::int64_t count,
                                                    const Observer& see) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto layer = block->ptr<nn::Layer>(static_cast<std::size_t>(i));
    auto out = grad_checkpointing ? nn::recomputed(layer, tokens) : layer->forward(tokens);
    if (see) see({"block", i, tokens, out});
    tokens = std::move(out);
  }
  return tokens;  // [B, N, embed_dim]
}

torch::Tensor VisionTransformerImpl::forward_tokens(const torch::Tensor& x, const Observer& see) {
  const auto tokens = forward_blocks(embed(x, see), std::ssize(*block), see);  // [B, N, embed_dim]
  auto normed = norm->forward(tokens);                                         // [B, N, embed_dim]
  if (see) see({"norm", -1, tokens, normed});
  return normed;
}

torch::Tensor VisionTransformerImpl::pool(const torch::Tensor& tokens) {
  // timm: a distilled model's pooled features are the mean of its two tokens.
  if (options.distilled() && options.dist_head() == "timm")
    return (tokens.select(1, 0) + tokens.select(1, 1)) / 2;  // [B, embed_dim]
  const auto& name = options.global_pool();
  const bool all =
      options.pool_include_prefix() || name == "prr" || name == "token" || name.empty();
  const auto pooled_from = all ? tokens : tokens.slice(1, options.num_prefix_tokens());
  auto pooled = attn_pool ? attn_pool->forward(pooled_from) : pool_tokens(name, pooled_from);
  return pre_logits->forward(fc_norm->forward(pooled));  // [B, num_features]
}

VisionTransformerFeatures VisionTransformerImpl::forward_features(const torch::Tensor& x) {
  auto tokens = forward_tokens(x);  // [B, N, embed_dim]
  if (options.distilled()) return {tokens.select(1, 0), tokens.slice(1, 1)};
  return {pool(tokens), {}};
}

VisionTransformerOutput VisionTransformerImpl::forward_head(const torch::Tensor& tokens,
                                                            const Observer& see) {
  const auto pooled = options.distilled() ? tokens.select(1, 0) : pool(tokens);
  auto logits = head->forward(head_drop(pooled));  // [B, num_classes]
  if (see) {
    see({"pre_logits", -1, tokens, pooled});
    see({"head", -1, pooled, logits});
  }
  if (!options.distilled()) return {logits, {}};
  // Seed: head_dist sees every token after the class token; timm's sees the distillation token.
  const bool timm = options.dist_head() == "timm";
  if (!is_training() && !timm) return {logits, {}};
  auto dist_logits = head_dist->forward(head_drop(timm ? tokens.select(1, 1) : tokens.slice(1, 1)));
  if (is_training()) return {logits, dist_logits};
  return {(logits + dist_logits) / 2, {}};
}

VisionTransformerOutput VisionTransformerImpl::forward(const torch::Tensor& x) {
  return forward_head(forward_tokens(x));
}

VisionTransformerOutput VisionTransformerImpl::forward_observed(const torch::Tensor& x,
                                                                const Observer& see) {
  return forward_head(forward_tokens(x, see), see);
}

}  // namespace vit::model
