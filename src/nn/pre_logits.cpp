#include "vit/nn/pre_logits.h"

namespace vit::nn {

PreLogitsImpl::PreLogitsImpl(std::int64_t embed_dim, std::int64_t representation_size,
                             const torch::TensorOptions& tensor_options) {
  fc = register_module("fc", Linear(LinearOptions(embed_dim, representation_size), tensor_options));
  act = register_module("act", Tanh());
}

torch::Tensor PreLogitsImpl::forward(const torch::Tensor& x) { return act(fc(x)); }

}  // namespace vit::nn
