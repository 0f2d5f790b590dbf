#include "vit/train/ema.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

namespace vit::train {

Ema::Ema(const torch::nn::Module& model, double decay, bool warmup)
    : decay_(decay), warmup_(warmup) {
  for (const auto& item : model.named_parameters()) {
    names_.push_back(item.key());
    model_.push_back(item.value().detach());
    average_.push_back(item.value().detach().clone());
  }
}

double Ema::decay(std::int64_t step) const {
  if (step == 0) return 0.0;  // timm: the first update copies the weights.
  if (!warmup_) return decay_;
  return std::min(1.0 - std::pow(1.0 + static_cast<double>(step), -2.0 / 3.0), decay_);
}

void Ema::update(std::int64_t step) {
  const at::NoGradGuard no_grad;
  at::_foreach_lerp_(average_, model_, 1.0 - decay(step));
}

NamedTensors Ema::state() const {
  NamedTensors entries;
  for (std::size_t i = 0; i < names_.size(); ++i) entries.emplace_back(names_[i], average_[i]);
  return entries;
}

void Ema::swap() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < model_.size(); ++i) {
    const auto kept = model_[i].clone();
    model_[i].copy_(average_[i]);
    average_[i].copy_(kept);
  }
}

}  // namespace vit::train
