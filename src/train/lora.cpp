#include "lora.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "fine_tune.h"
#include "vit/core/contains.h"
#include "vit/core/error.h"
#include "vit/runtime/generator.h"

namespace vit::train {
namespace {

/// `block.3.attn.qkv` → `qkv`.
std::string last_part(const std::string& name) { return name.substr(name.rfind('.') + 1); }

void check_targets(const std::vector<std::string>& targets,
                   const std::vector<std::string>& linears) {
  for (const auto& target : targets) {
    if (contains(linears, target)) continue;
    std::string known;
    for (const auto& name : linears)
      if (known.find(name) == std::string::npos) known += (known.empty() ? "" : ", ") + name;
    throw UsageError("lora_targets: expected layers of the blocks ({}), found '{}'", known, target);
  }
}

}  // namespace

Lora::Lora(const VisionTransformer& model, const LoraOptions& options, std::uint64_t seed)
    : scale_(options.lora_alpha().value_or(static_cast<double>(options.lora_rank())) /
             static_cast<double>(options.lora_rank())) {
  const auto generator = runtime::make_generator(seed);
  std::vector<std::string> linears;
  for (const auto& item : model->named_modules()) {
    auto linear = std::dynamic_pointer_cast<nn::LinearImpl>(item.value());
    if (!linear || !item.key().starts_with("block.")) continue;
    linears.push_back(last_part(item.key()));
    if (!contains(options.lora_targets(), linears.back())) continue;
    const auto in = linear->options.in_features(), out = linear->options.out_features();
    // As torch.nn.Linear: kaiming_uniform with a = sqrt(5). On the CPU first, the same everywhere.
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    const auto form = at::TensorOptions().dtype(linear->weight.scalar_type());
    const auto rank = options.lora_rank();
    const auto device = linear->weight.device();
    auto a = at::empty({rank, in}, form).uniform_(-bound, bound, generator).to(device);
    auto b = at::zeros({out, rank}, form).to(device);
    updates_.push_back(
        {item.key(), std::move(linear), a.requires_grad_(true), b.requires_grad_(true)});
  }
  check_targets(options.lora_targets(), linears);
  attach();
  for (const auto& item : model->named_parameters())
    if (!is_head(item.key()) && item.value().requires_grad()) frozen_.push_back(item.value());
  for (auto& parameter : frozen_) parameter.requires_grad_(false);
}

Lora::~Lora() {
  detach();
  for (auto& parameter : frozen_) parameter.requires_grad_(true);
}

void Lora::attach() {
  for (auto& [name, linear, a, b] : updates_)
    linear->update = [a = a, b = b, scale = scale_](const at::Tensor& x) {
      return at::linear(at::linear(x, a), b) * scale;
    };
}

void Lora::detach() {
  for (auto& one : updates_) one.linear->update = nullptr;
}

NamedTensors Lora::state() const {
  NamedTensors tensors;
  for (const auto& one : updates_) {
    tensors.emplace_back(one.name + ".lora_A", one.a);
    tensors.emplace_back(one.name + ".lora_B", one.b);
  }
  return tensors;
}

Lora::Merged::Merged(Lora* lora) : lora_(lora) {
  if (lora_ == nullptr) return;
  const at::NoGradGuard no_grad;
  try {
    for (auto& one : lora_->updates_) {
      before_.push_back(one.linear->weight.clone());
      one.linear->weight.add_(at::matmul(one.b, one.a), lora_->scale_);
    }
  } catch (...) {  // no memory: what is merged already is taken back
    put_back();
    throw;
  }
  lora_->detach();
}

Lora::Merged::~Merged() {
  if (lora_ == nullptr) return;
  put_back();
  lora_->attach();
}

void Lora::Merged::put_back() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < before_.size(); ++i)
    lora_->updates_[i].linear->weight.copy_(before_[i]);
}

}  // namespace vit::train
