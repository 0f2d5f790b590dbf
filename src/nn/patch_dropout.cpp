#include "vit/nn/patch_dropout.h"

#include "nn/check.h"

namespace vit::nn {

PatchDropoutImpl::PatchDropoutImpl(double prob_, std::int64_t num_prefix_tokens_)
    : prob(prob_), num_prefix_tokens(num_prefix_tokens_) {
  check_probability("patch_dropout", "prob", prob);
  check_at_least("patch_dropout", "num_prefix_tokens", num_prefix_tokens, 0);
}

torch::Tensor PatchDropoutImpl::forward(const torch::Tensor& x) {
  if (!is_training() || prob == 0.0) return x;
  const auto prefix = x.slice(1, 0, num_prefix_tokens);
  const auto patches = x.slice(1, num_prefix_tokens);  // [B, L, dim]
  const auto B = patches.size(0), L = patches.size(1);
  const auto kept =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(L) * (1.0 - prob)));
  const auto order = at::empty({B, L}, x.options().dtype(at::kFloat)).normal_(0, 1, generator);
  const auto chosen =
      order.argsort(/*dim=*/std::int64_t{-1}).slice(1, 0, kept).unsqueeze(-1);  // [B, kept, 1]
  const auto rest = patches.gather(1, chosen.expand({-1, -1, x.size(2)}));      // [B, kept, dim]
  return at::cat({prefix, rest}, 1);
}

}  // namespace vit::nn
