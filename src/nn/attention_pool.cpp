#include "vit/nn/attention_pool.h"

#include <cmath>

#include "attend.h"
#include "vit/nn/attention.h"
#include "vit/nn/init.h"
#include "vit/nn/norm.h"

namespace vit::nn {

AttentionPoolLatentImpl::AttentionPoolLatentImpl(const AttentionPoolOptions& options_,
                                                 const NormFactory& norm_layer,
                                                 const LayerPtr& act_layer,
                                                 const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto dim = options.dim();
  check_heads(dim, options.num_heads());
  latent = register_parameter("latent", at::empty({1, 1, dim}, tensor_options));
  q = register_module("q", Linear(LinearOptions(dim, dim), tensor_options));
  kv = register_module("kv", Linear(LinearOptions(dim, dim * 2), tensor_options));
  proj = register_module("proj", Linear(LinearOptions(dim, dim), tensor_options));
  norm = register_module<Layer>("norm", make_norm(norm_layer, dim, tensor_options));
  const auto hidden = static_cast<std::int64_t>(static_cast<double>(dim) * options.mlp_ratio());
  mlp = register_module("mlp", Mlp(MlpOptions(dim).hidden_features(hidden), act_layer,
                                   NormFactory(), tensor_options));
}

torch::Tensor AttentionPoolLatentImpl::forward(const torch::Tensor& x) {
  const auto B = x.size(0), N = x.size(1), heads = options.num_heads();
  const auto head_dim = options.dim() / heads;
  const auto query = q(latent.expand({B, -1, -1}))
                         .reshape({B, 1, heads, head_dim})
                         .transpose(1, 2);  // [B, heads, 1, head_dim]
  const auto keys_values = kv(x)
                               .reshape({B, N, 2, heads, head_dim})
                               .permute({2, 0, 3, 1, 4});  // [2, B, heads, N, head_dim]
  auto out =
      attend(query, keys_values[0], keys_values[1], head_scale(options.dim() / options.num_heads()),
             options.fused());                                     // [B, heads, 1, head_dim]
  out = proj(out.transpose(1, 2).reshape({B, 1, options.dim()}));  // [B, 1, dim]
  out = out + mlp(norm->forward(out));                             // [B, 1, dim]
  return out.select(1, 0);                                         // [B, dim]
}

void AttentionPoolLatentImpl::reset_parameters(const at::Generator& generator) {
  // timm's trunc_normal_tf_: a standard normal cut at ±2, scaled.
  trunc_normal_(latent, 1.0, generator);
  latent.mul_(std::pow(static_cast<double>(options.dim()), -0.5));
}

AttentionPoolPrrImpl::AttentionPoolPrrImpl(const AttentionPoolOptions& options_, bool class_token_)
    : options(options_), class_token(class_token_) {
  check_heads(options.dim(), options.num_heads());
}

torch::Tensor AttentionPoolPrrImpl::forward(const torch::Tensor& x) {
  const auto B = x.size(0), N = x.size(1), heads = options.num_heads();
  const auto tokens =
      x.reshape({B, N, heads, options.dim() / heads}).transpose(1, 2);  // [B, heads, N, head_dim]
  auto out = attend(tokens, tokens, tokens, head_scale(options.dim() / options.num_heads()),
                    options.fused());
  out = out.transpose(1, 2).reshape({B, N, options.dim()});  // [B, N, dim]
  return class_token ? out.select(1, 0) : out.mean(1);       // [B, dim]
}

}  // namespace vit::nn
