#include "vit/nn/drop_path.h"

#include "nn/check.h"
#include "vit/nn/identity.h"

namespace vit::nn {

DropPathImpl::DropPathImpl(double drop_prob_) : drop_prob(drop_prob_) {
  check_probability("drop_path", "drop_prob", drop_prob);
}

torch::Tensor DropPathImpl::forward(const torch::Tensor& x) {
  if (!is_training() || drop_prob == 0.0) return x;
  const double keep_prob = 1.0 - drop_prob;
  std::vector<std::int64_t> shape(x.dim(), 1);  // [B, 1, ...]
  shape[0] = x.size(0);
  auto mask = at::empty(shape, x.options()).bernoulli_(keep_prob, generator);
  if (keep_prob > 0.0) mask.div_(keep_prob);
  return x * mask;
}

LayerPtr make_drop_path(double drop_prob) {
  if (drop_prob > 0.0) return std::make_shared<DropPathImpl>(drop_prob);
  return std::make_shared<IdentityImpl>();
}

}  // namespace vit::nn
