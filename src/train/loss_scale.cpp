#include "loss_scale.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

namespace vit::train {
namespace {

constexpr double kGrowth = 2, kBackoff = 0.5;
constexpr std::int64_t kGrowthInterval = 2000;

}  // namespace

bool LossScale::unscale(std::vector<at::Tensor> gradients) {
  if (!enabled_ || gradients.empty()) return true;
  const at::NoGradGuard no_grad;
  const auto form = gradients.front().options().dtype(at::kFloat);
  auto found = at::zeros({1}, form);
  at::_amp_foreach_non_finite_check_and_unscale_(gradients, found, at::full({1}, 1 / scale_, form));
  const bool finite = found.item<float>() == 0;
  good_steps_ = finite ? good_steps_ + 1 : 0;
  if (!finite) scale_ *= kBackoff;
  if (good_steps_ == kGrowthInterval) {
    scale_ *= kGrowth;
    good_steps_ = 0;
  }
  return finite;
}

}  // namespace vit::train
