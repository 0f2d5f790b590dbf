#include "vit/nn/res_post_block.h"

#include "vit/nn/drop_path.h"

namespace vit::nn {

ResPostBlockImpl::ResPostBlockImpl(const BlockOptions& options_, const NormFactory& norm_layer,
                                   const LayerPtr& act_layer,
                                   const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto dim = options.dim();
  attn = register_module<AttendingLayer>("attn",
                                         make_block_attention(options, norm_layer, tensor_options));
  norm1 = register_module<Layer>("norm1", norm_layer(dim, tensor_options));
  drop_path = register_module<Layer>("drop_path", make_drop_path(options.drop_path_ratio()));
  mlp =
      register_module<Layer>("mlp", make_block_mlp(options, norm_layer, act_layer, tensor_options));
  norm2 = register_module<Layer>("norm2", norm_layer(dim, tensor_options));
}

torch::Tensor ResPostBlockImpl::forward(const torch::Tensor& x) {
  auto y = x + drop_path->forward(norm1->forward(attn->forward(x)));  // [B, N, dim]
  return y + drop_path->forward(norm2->forward(mlp->forward(y)));     // [B, N, dim]
}

torch::Tensor ResPostBlockImpl::attention_weights(const torch::Tensor& x) {
  return attn->attention_weights(x);
}

void ResPostBlockImpl::reset_parameters(const at::Generator& /*generator*/) {
  if (!options.init_values()) return;
  for (const auto& norm : {norm1, norm2})
    for (auto& item : norm->named_parameters())
      if (item.key() == "weight") item.value().fill_(*options.init_values());
}

}  // namespace vit::nn
