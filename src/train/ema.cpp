#include "vit/train/ema.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <cmath>

namespace vit::train {

namespace {

NamedTensors parameters_of(const torch::nn::Module& model) {
  NamedTensors tensors;
  for (const auto& item : model.named_parameters()) tensors.emplace_back(item.key(), item.value());
  return tensors;
}

}  // namespace

Ema::Ema(const torch::nn::Module& model, double decay, bool warmup)
    : Ema(parameters_of(model), decay, warmup) {}

Ema::Ema(const NamedTensors& tensors, double decay, bool warmup) : decay_(decay), warmup_(warmup) {
  for (const auto& [name, tensor] : tensors) {
    names_.push_back(name);
    model_.push_back(tensor.detach());
    average_.push_back(tensor.detach().clone());
    if (!scratch_.defined() || scratch_.numel() < tensor.numel())
      scratch_ = at::empty({tensor.numel()}, tensor.options().requires_grad(false));
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

Ema::Swapped::Swapped(Ema* ema) : ema_(ema) {
  if (ema_ != nullptr) ema_->swap();
}

Ema::Swapped::~Swapped() {
  if (ema_ != nullptr) ema_->swap();
}

void Ema::swap() {
  const at::NoGradGuard no_grad;
  // Through memory that is there already: half-way through, nothing can run out.
  for (std::size_t i = 0; i < model_.size(); ++i) {
    const auto kept = scratch_.narrow(0, 0, model_[i].numel()).view(model_[i].sizes());
    kept.copy_(model_[i]);
    model_[i].copy_(average_[i]);
    average_[i].copy_(kept);
  }
}

}  // namespace vit::train
