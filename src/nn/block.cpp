#include "vit/nn/block.h"

#include "vit/nn/drop_path.h"
#include "vit/nn/layer_norm.h"

namespace vit::nn {

BlockImpl::BlockImpl(const BlockOptions& options_, const NormFactory& norm_layer,
                     const LayerPtr& act_layer, const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto dim = options.dim();
  const auto make_norm = norm_layer ? norm_layer : layer_norm_factory(1e-5);
  norm1 = register_module<Layer>("norm1", make_norm(dim, tensor_options));
  attn = register_module(
      "attn",
      Attention(AttentionOptions(dim)
                    .num_heads(options.num_heads())
                    .qkv_bias(options.qkv_bias())
                    .qk_scale(options.qk_scale())
                    .attn_drop_ratio(options.attn_drop_ratio())
                    // Seed: drop_path_ratio, not drop_ratio, feeds proj_drop.
                    .proj_drop_ratio(options.proj_drop_rate().value_or(options.drop_path_ratio()))
                    .proj_bias(options.proj_bias())
                    .fused(options.fused()),
                tensor_options));
  drop_path = register_module<Layer>("drop_path", make_drop_path(options.drop_path_ratio()));
  norm2 = register_module<Layer>("norm2", make_norm(dim, tensor_options));
  const auto hidden = static_cast<std::int64_t>(static_cast<double>(dim) * options.mlp_ratio());
  mlp =
      register_module("mlp", Mlp(MlpOptions(dim)
                                     .hidden_features(hidden)
                                     .drop(options.proj_drop_rate().value_or(options.drop_ratio()))
                                     .bias(options.proj_bias().value_or(true)),
                                 act_layer, tensor_options));
}

torch::Tensor BlockImpl::forward(const torch::Tensor& x) {
  auto y = x + drop_path->forward(attn(norm1->forward(x)));  // [B, N, dim]
  return y + drop_path->forward(mlp(norm2->forward(y)));     // [B, N, dim]
}

}  // namespace vit::nn
