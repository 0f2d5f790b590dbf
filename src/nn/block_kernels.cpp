#include "vit/nn/block_kernels.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <typeinfo>
#include <vector>

#include "own/block_pass.h"
#include "vit/nn/activation.h"
#include "vit/nn/attention.h"
#include "vit/nn/block.h"
#include "vit/nn/drop_path.h"
#include "vit/nn/identity.h"
#include "vit/nn/layer_norm.h"
#include "vit/nn/mlp.h"

namespace vit::nn {

struct BlockKernels::State {
  Isa isa;
  MatmulPrecision precision;
  std::mutex mutex;
  std::map<kernels::WeightFormat, own::BlockPass> passes;

  own::BlockPass& pass(kernels::WeightFormat format) {
    return passes.try_emplace(format, isa, format).first->second;
  }
};

namespace {

template <class Kind>
bool is(const LayerPtr& layer) {
  return typeid(*layer) == typeid(Kind);
}

bool drops(const DropoutImpl& dropout) { return dropout.is_training() && dropout.p > 0.0; }

bool fits(std::int64_t columns) { return columns % kernels::kPadding == 0; }

/// A Block's parts, where there are kernels for all of them.
struct Parts {
  const LayerNormImpl *norm1, *norm2;
  const AttentionImpl* attention;
  const MlpImpl* mlp;
  DropPathImpl* drop_path;  ///< null: none

  std::array<at::Tensor, own::kParameters> parameters() const {
    return {norm1->weight,           norm1->bias,
            attention->qkv->weight,  attention->qkv->bias,
            attention->proj->weight, attention->proj->bias,
            norm2->weight,           norm2->bias,
            mlp->fc1->weight,        mlp->fc1->bias,
            mlp->fc2->weight,        mlp->fc2->bias};
  }
};

std::optional<Parts> find_parts(const BlockImpl& block) {
  const auto& attn = *block.attn;
  if (typeid(attn) != typeid(AttentionImpl) || !is<MlpImpl>(block.mlp)) return {};
  const auto& attention = dynamic_cast<const AttentionImpl&>(attn);
  const auto& mlp = dynamic_cast<const MlpImpl&>(*block.mlp);
  for (const auto& layer : {block.norm1, block.norm2})
    if (!is<LayerNormImpl>(layer)) return {};
  for (const auto& layer :
       {attention.q_norm, attention.k_norm, attention.norm, mlp.norm, block.ls1, block.ls2})
    if (!is<IdentityImpl>(layer)) return {};
  for (const auto& linear : {attention.qkv, attention.proj, mlp.fc1, mlp.fc2})
    if (linear->update) return {};
  if (!is<GeluImpl>(mlp.act) || drops(*mlp.drop) || drops(*attention.proj_drop) ||
      (attention.options.apply_attn_drop() && drops(*attention.attn_drop)) || attention.scale <= 0)
    return {};
  const bool has_drop_path = is<DropPathImpl>(block.drop_path);
  if (!has_drop_path && !is<IdentityImpl>(block.drop_path)) return {};
  const auto dim = attention.options.dim();
  if (!fits(dim) || !fits(dim / attention.options.num_heads()) || !fits(mlp.options.hidden()) ||
      mlp.options.in_features() != dim || mlp.options.out() != dim)
    return {};
  return Parts{dynamic_cast<const LayerNormImpl*>(block.norm1.get()),
               dynamic_cast<const LayerNormImpl*>(block.norm2.get()), &attention, &mlp,
               dynamic_cast<DropPathImpl*>(block.drop_path.get())};
}

/// How products are made now; none where LibTorch's operators are to make them.
std::optional<kernels::WeightFormat> find_format(const BlockKernels::State& state) {
  if (at::autocast::is_autocast_enabled(at::kCPU)) {
    const bool bf16 = at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16;
    const auto reads = kernels::row_format(state.isa, kernels::WeightFormat::kBf16);
    if (!bf16 || reads != kernels::RowFormat::kBf16) return {};
    return kernels::WeightFormat::kBf16;
  }
  if (state.isa < Isa::kAmx) return kernels::WeightFormat::kFloat32;
  return state.precision == MatmulPrecision::kHigh ? kernels::WeightFormat::kBf16Pair
                                                   : kernels::WeightFormat::kBf16Triple;
}

/// The factors of a residual branch, [B]: 0, or one over the share that is kept.
at::Tensor draw_drop(const DropPathImpl* drop_path, const at::Tensor& x) {
  if (drop_path == nullptr || !drop_path->is_training() || drop_path->drop_prob == 0.0) return {};
  const double keep = 1.0 - drop_path->drop_prob;
  auto factors = at::empty({x.size(0)}, x.options()).bernoulli_(keep, drop_path->generator);
  return keep > 0.0 ? factors.div_(keep) : factors;
}

/// What the backward pass must know beside tensors.
struct Held : torch::CustomClassHolder {
  std::shared_ptr<BlockKernels::State> state;
  kernels::WeightFormat format = kernels::WeightFormat::kFloat32;
  own::BlockShape shape;
  float eps1 = 0.0F, eps2 = 0.0F;
  at::Tensor drop1, drop2;
  bool keeps = false;           ///< whether there will be a backward pass
  std::vector<int> parameters;  ///< which there are, in order

  own::BlockTensors tensors(const at::Tensor& x, at::TensorList given) const {
    const auto data = [](const at::Tensor& tensor) {
      return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
    };
    own::BlockTensors all;
    for (std::size_t i = 0; i < parameters.size(); ++i)
      all.parameters[static_cast<std::size_t>(parameters[i])] = data(given[i]);
    all.eps1 = eps1;
    all.eps2 = eps2;
    all.drop1 = data(drop1);
    all.drop2 = data(drop2);
    all.x = data(x);
    return all;
  }
};

struct BlockFunction : torch::autograd::Function<BlockFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            at::TensorList parameters, const c10::intrusive_ptr<Held>& held) {
    auto out = at::empty_like(x);
    auto tensors = held->tensors(x, parameters);
    tensors.out = tensors.middle = out.mutable_data_ptr<float>();
    const std::lock_guard lock(held->state->mutex);
    auto& pass = held->state->pass(held->format);
    if (!held->keeps) {
      pass.forward(held->shape, tensors, at::get_num_threads());
      return out;
    }
    const auto options = x.options().dtype(pass.keeps_bf16() ? at::kBFloat16 : at::kFloat);
    const auto rows = x.size(0) * x.size(1), dim = x.size(2);
    auto middle = at::empty_like(x);  // [B, N, dim]
    auto qkv = at::empty({rows, 3 * dim}, options);
    auto heads = at::empty({rows, dim}, options);
    auto hidden = at::empty({rows, held->shape.hidden}, options);
    tensors.middle = middle.mutable_data_ptr<float>();
    tensors.qkv = qkv.mutable_data_ptr();
    tensors.heads = heads.mutable_data_ptr();
    tensors.hidden = hidden.mutable_data_ptr();
    pass.forward(held->shape, tensors, at::get_num_threads());
    std::vector<at::Tensor> kept{x, middle, qkv, heads, hidden};
    kept.insert(kept.end(), parameters.begin(), parameters.end());
    context->save_for_backward(std::move(kept));
    context->saved_data["held"] = c10::IValue::make_capsule(held);
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto held =
        c10::static_intrusive_pointer_cast<Held>(context->saved_data.at("held").toCapsule());
    constexpr std::size_t kFirstParameter = 5;
    const auto kept = context->get_saved_variables();
    const auto parameters = at::TensorList(kept).slice(kFirstParameter);
    const auto dout = gradients[0].to(at::kFloat).contiguous();
    auto tensors = held->tensors(kept[0], parameters);
    tensors.middle = kept[1].mutable_data_ptr<float>();
    tensors.qkv = kept[2].mutable_data_ptr();
    tensors.heads = kept[3].mutable_data_ptr();
    tensors.hidden = kept[4].mutable_data_ptr();
    tensors.dout = dout.const_data_ptr<float>();
    auto dx = at::empty_like(kept[0]);
    tensors.dx = dx.mutable_data_ptr<float>();
    std::array<at::Tensor, own::kParameters> made;
    for (int i = 0; i < own::kParameters; ++i) {
      const auto [rows, columns] = own::shape_of(static_cast<own::Parameter>(i), held->shape);
      auto& gradient = made[static_cast<std::size_t>(i)];
      gradient =
          rows == 1 ? at::empty({columns}, dx.options()) : at::empty({rows, columns}, dx.options());
      tensors.gradients[static_cast<std::size_t>(i)] = gradient.mutable_data_ptr<float>();
    }
    {
      const std::lock_guard lock(held->state->mutex);
      held->state->pass(held->format).backward(held->shape, tensors, at::get_num_threads());
    }
    torch::autograd::variable_list out{dx};
    for (const int i : held->parameters) out.push_back(made[static_cast<std::size_t>(i)]);
    out.emplace_back();  // of `held`
    return out;
  }
};

}  // namespace

BlockKernels::BlockKernels(Isa isa, MatmulPrecision precision) : state_(std::make_shared<State>()) {
  state_->isa = isa;
  state_->precision = precision;
}

BlockKernels::~BlockKernels() = default;

bool BlockKernels::serve(const BlockImpl& block) { return find_parts(block).has_value(); }

at::Tensor BlockKernels::forward(const BlockImpl& block, const at::Tensor& x) {
  if (!x.is_cpu() || x.scalar_type() != at::kFloat || x.dim() != 3 || x.numel() == 0) return {};
  const auto parts = find_parts(block);
  const auto format = find_format(*state_);
  if (!parts || !format) return {};
  auto held = c10::make_intrusive<Held>();
  std::vector<at::Tensor> parameters;
  bool needs_gradient = x.requires_grad();
  const auto all = parts->parameters();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].defined()) continue;
    if (!all[i].is_cpu() || all[i].scalar_type() != at::kFloat || !all[i].is_contiguous())
      return {};
    needs_gradient = needs_gradient || all[i].requires_grad();
    parameters.push_back(all[i]);
    held->parameters.push_back(static_cast<int>(i));
  }
  const auto& attention = *parts->attention;
  held->state = state_;
  held->format = *format;
  held->shape = {x.size(0),
                 x.size(1),
                 x.size(2),
                 parts->mlp->options.hidden(),
                 static_cast<int>(attention.options.num_heads()),
                 static_cast<float>(attention.scale)};
  held->eps1 = static_cast<float>(parts->norm1->options.eps());
  held->eps2 = static_cast<float>(parts->norm2->options.eps());
  held->drop1 = draw_drop(parts->drop_path, x);
  held->drop2 = draw_drop(parts->drop_path, x);
  held->keeps = needs_gradient && at::GradMode::is_enabled();
  return BlockFunction::apply(x.contiguous(), at::TensorList(parameters), held);
}

void set_block_kernels(torch::nn::Module& module, const std::shared_ptr<BlockKernels>& kernels) {
  module.apply([&](torch::nn::Module& part) {
    if (auto* block = dynamic_cast<BlockImpl*>(&part)) block->kernels = kernels;
  });
}

}  // namespace vit::nn
