#include "vit/nn/block.h"

#include "vit/nn/attention_kinds.h"
#include "vit/nn/block_kernels.h"
#include "vit/nn/drop_path.h"
#include "vit/nn/layer_norm.h"
#include "vit/nn/layer_scale.h"
#include "vit/nn/mlp_kinds.h"

namespace vit::nn {

std::int64_t BlockOptions::mlp_hidden() const {
  return static_cast<std::int64_t>(static_cast<double>(dim_) * mlp_ratio_);
}

AttentionOptions BlockOptions::attention_options() const {
  return AttentionOptions(dim_)
      .num_heads(num_heads_)
      .qkv_bias(qkv_bias_)
      .qk_scale(qk_scale_)
      .attn_drop_ratio(attn_drop_rate_.value_or(attn_drop_ratio_))
      .apply_attn_drop(attn_drop_rate_.has_value())
      // Seed: drop_path_ratio, not drop_ratio, feeds proj_drop.
      .proj_drop_ratio(proj_drop_rate_.value_or(drop_path_ratio_))
      .proj_bias(proj_bias_)
      .qk_norm(qk_norm_)
      .scale_norm(scale_attn_norm_)
      .depth(depth_)
      .fused(fused_);
}

MlpOptions BlockOptions::mlp_options() const {
  return MlpOptions(dim_)
      .hidden_features(mlp_hidden())
      .drop(proj_drop_rate_.value_or(drop_ratio_))
      .bias(proj_bias_.value_or(true));
}

AttendingLayerPtr make_block_attention(const BlockOptions& options, const NormFactory& norm_layer,
                                       const torch::TensorOptions& tensor_options) {
  return make_attention(options.attn_layer(), options.attention_options(), norm_layer,
                        tensor_options);
}

LayerPtr make_block_mlp(const BlockOptions& options, const NormFactory& norm_layer,
                        const LayerPtr& act_layer, const torch::TensorOptions& tensor_options) {
  return make_mlp(options.mlp_layer(), options.mlp_options(), act_layer,
                  options.scale_mlp_norm() ? norm_layer : NormFactory(), tensor_options);
}

BlockImpl::BlockImpl(const BlockOptions& options_, const NormFactory& norm_layer,
                     const LayerPtr& act_layer, const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto dim = options.dim();
  const auto make_norm = norm_layer ? norm_layer : layer_norm_factory(1e-5);
  norm1 = register_module<Layer>("norm1", make_norm(dim, tensor_options));
  attn = register_module<AttendingLayer>("attn",
                                         make_block_attention(options, make_norm, tensor_options));
  ls1 = register_module<Layer>("ls1", make_layer_scale(dim, options.init_values(), tensor_options));
  drop_path = register_module<Layer>("drop_path", make_drop_path(options.drop_path_ratio()));
  norm2 = register_module<Layer>("norm2", make_norm(dim, tensor_options));
  mlp =
      register_module<Layer>("mlp", make_block_mlp(options, make_norm, act_layer, tensor_options));
  ls2 = register_module<Layer>("ls2", make_layer_scale(dim, options.init_values(), tensor_options));
}

torch::Tensor BlockImpl::forward(const torch::Tensor& x) {
  if (kernels)
    if (auto out = kernels->forward(*this, x); out.defined()) return out;
  auto y = x + drop_path->forward(ls1->forward(attn->forward(norm1->forward(x))));  // [B, N, dim]
  return y + drop_path->forward(ls2->forward(mlp->forward(norm2->forward(y))));     // [B, N, dim]
}

torch::Tensor BlockImpl::attention_weights(const torch::Tensor& x) {
  return attn->attention_weights(norm1->forward(x));
}

}  // namespace vit::nn
