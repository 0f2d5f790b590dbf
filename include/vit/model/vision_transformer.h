// The Vision Transformer: the seed's model by default, timm's by other values of the same options.
#pragma once

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vit/config/vision_transformer_options.h"
#include "vit/nn/dropout.h"
#include "vit/nn/layer.h"

namespace vit::model {

/// What the caller may put in place of the seed's layers (its embed_layer, norm_layer, act_layer).
/// An empty member means what the options name; by default the seed's: nn::PatchEmbed,
/// nn::LayerNorm with eps 1e-6, one nn::Gelu.
struct VisionTransformerLayers {
  nn::EmbedFactory embed_layer;
  nn::NormFactory norm_layer;
  nn::LayerPtr act_layer;  ///< one instance, shared by every Mlp
};

/// `dist_logits` is defined in training mode of a distilled model only.
struct VisionTransformerOutput {
  torch::Tensor logits;       ///< [B, num_classes], or features [B, num_features] without a head;
                              ///< one row a token, [B, N, ...], with global_pool ''
  torch::Tensor dist_logits;  ///< [B, N - 1, num_classes] (dist_head "seed") or [B, num_classes]
};

/// `tokens` follows the seed's forward_features: (x[:, 0], x[:, 1:]) when distilled.
struct VisionTransformerFeatures {
  torch::Tensor pooled;  ///< [B, num_features]; [B, N, embed_dim] with global_pool ''
  torch::Tensor tokens;  ///< [B, N - 1, embed_dim] when distilled, else undefined
};

/// A module that a forward pass has gone through.
struct Observation {
  std::string_view module;  ///< patch_embed, norm_pre, block, norm, pre_logits or head
  std::int64_t index;       ///< of a block; else -1
  const torch::Tensor &in, &out;

  /// `norm`, `block.3`.
  std::string name() const;
};
/// Sees the modules of a forward pass in the order in which it goes through them.
using Observer = std::function<void(const Observation&)>;

class VisionTransformerImpl : public torch::nn::Module {
 public:
  /// Parameters are drawn by init_vit_weights from LibTorch's default generator, except on the
  /// meta device and where `init` is false (then they are uninitialised: to be loaded).
  /// `tensor_options`: device and dtype of the parameters. Throws DataError where the options
  /// contradict each other.
  explicit VisionTransformerImpl(VisionTransformerOptions options = {},
                                 const torch::TensorOptions& tensor_options = {},
                                 const VisionTransformerLayers& layers = {}, bool init = true);

  /// x: [B, in_c, H, W]. Throws DataError when H or W is not img_size, naming both.
  VisionTransformerOutput forward(const torch::Tensor& x);
  /// The same, before the eyes of `see`.
  VisionTransformerOutput forward_observed(const torch::Tensor& x, const Observer& see);
  VisionTransformerFeatures forward_features(const torch::Tensor& x);
  /// Embedded tokens before the first block, [B, N, embed_dim].
  torch::Tensor embed(const torch::Tensor& x, const Observer& see = {});
  /// Tokens after the first `count` blocks, [B, N, embed_dim].
  torch::Tensor forward_blocks(torch::Tensor tokens, std::int64_t count, const Observer& see = {});
  /// Tokens after the last block and `norm`, [B, N, embed_dim]; timm's forward_features.
  torch::Tensor forward_tokens(const torch::Tensor& x, const Observer& see = {});
  /// What `head` sees of forward_tokens' result: [B, N, embed_dim] → [B, num_features].
  torch::Tensor pool(const torch::Tensor& tokens);
  /// What `forward` makes of forward_tokens' result.
  VisionTransformerOutput forward_head(const torch::Tensor& tokens, const Observer& see = {});

  VisionTransformerOptions options;
  bool grad_checkpointing = false;  ///< blocks keep their input alone for the backward pass
  VisionTransformerLayers layers;   ///< what the caller put in place of the seed's

  torch::Tensor cls_token, reg_token, dist_token, pos_embed;  ///< undefined where there is none
  nn::EmbedLayerPtr patch_embed;
  nn::Dropout pos_drop{nullptr};
  torch::nn::Sequential block{nullptr};  ///< of nn::Layer: `block->at<nn::Layer>(i)`
  nn::LayerPtr patch_drop, norm_pre, norm, fc_norm, pre_logits, head;  ///< nn::Identity for none
  nn::LayerPtr attn_pool, head_dist;                                   ///< null for none
  nn::Dropout head_drop{nullptr};

 private:
  void build_embedding(const nn::NormFactory& norm_layer,
                       const torch::TensorOptions& tensor_options);
  void build_blocks(const nn::NormFactory& norm_layer, const nn::LayerPtr& act_layer,
                    const torch::TensorOptions& tensor_options);
  void build_head(const nn::NormFactory& norm_layer, const nn::LayerPtr& act_layer,
                  const torch::TensorOptions& tensor_options);
  /// pos_embed, resampled where x's grid is another: [1, num_embedded_prefix_tokens + patches,
  /// dim].
  torch::Tensor pos_embed_for(const torch::Tensor& x) const;
};
TORCH_MODULE(VisionTransformer);

/// Parameters and buffers by name in the order of Python's state_dict().
std::vector<std::pair<std::string, torch::Tensor>> state_dict(const torch::nn::Module& module);

/// The seed's initialisation (trunc_normal .02 for position embedding and tokens, .01 for Linear,
/// kaiming_normal fan_out for convolutions, ones and zeros for LayerNorm), drawn from `generator`,
/// which must be of the parameters' device.
void init_vit_weights(VisionTransformerImpl& model, const at::Generator& generator);

}  // namespace vit::model

namespace vit {
using model::VisionTransformer;

/// The seed's ViT-B/16. `pretrained` loads `vit_base_patch16_224.seed.safetensors` from the weights
/// folder (`VIT_WEIGHTS_DIR`, else `weights/`); throws IoError, saying how to make it, where it is
/// missing.
VisionTransformer vit_base_patch16_224(std::int64_t num_classes = 1000, bool pretrained = false);
}  // namespace vit
