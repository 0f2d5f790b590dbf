#include "vit/nn/recompute.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "vit/nn/random_layer.h"
#include "vit/runtime/autocast.h"
#include "vit/runtime/generator.h"

namespace vit::nn {
namespace {

struct RandomState {
  at::Generator generator;
  torch::Tensor state;
};

/// Of every generator that `layer` may draw from for an input on `device`.
std::vector<RandomState> random_states(Layer& layer, c10::Device device) {
  std::vector<RandomState> states;
  layer.apply([&](torch::nn::Module& part) {
    const auto* random = dynamic_cast<RandomLayer*>(&part);
    if (random == nullptr || !random->is_training()) return;
    const auto generator =
        random->generator ? *random->generator : at::globalContext().defaultGenerator(device);
    const auto known = [&](const RandomState& one) { return one.generator == generator; };
    if (std::ranges::none_of(states, known))
      states.push_back({generator, runtime::generator_state(generator)});
  });
  return states;
}

/// Generators stand where they stood once, while it lives.
class Rewound {
 public:
  explicit Rewound(const std::vector<RandomState>& states) {
    for (auto [generator, state] : states) {
      now_.push_back({generator, runtime::generator_state(generator)});
      runtime::set_generator_state(generator, state);
    }
  }
  ~Rewound() {
    for (auto& [generator, state] : now_) runtime::set_generator_state(generator, state);
  }
  Rewound(const Rewound&) = delete;
  Rewound& operator=(const Rewound&) = delete;

 private:
  std::vector<RandomState> now_;
};

/// While it lives autocast keeps no casts of weights. Those of a pass without a graph would stand
/// in for the weights where the same scope runs a layer again, and take no gradients to them.
class NoCastsKept {
 public:
  NoCastsKept() { at::autocast::set_autocast_cache_enabled(false); }
  ~NoCastsKept() { at::autocast::set_autocast_cache_enabled(was_enabled_); }
  NoCastsKept(const NoCastsKept&) = delete;
  NoCastsKept& operator=(const NoCastsKept&) = delete;

 private:
  bool was_enabled_ = at::autocast::is_autocast_cache_enabled();
};

/// Gives the gradients of parameters, which stay, their places before anything that goes: among
/// what the layer keeps they would break the memory that the next layer needs into pieces.
/// Minus nought and a number are that number's bits.
void place_gradients(const Layer& layer) {
  for (const auto& parameter : layer.parameters())
    if (parameter.requires_grad() && !parameter.grad().defined())
      parameter.mutable_grad() = at::full_like(parameter, -0.0).detach();
}

/// What the first run of a layer depended on beside its input and parameters.
struct FirstRun : torch::CustomClassHolder {
  LayerPtr layer;
  std::vector<RandomState> random;
  std::optional<at::ScalarType> autocast;
};

constexpr auto kFirstRun = "first_run";

struct Recompute : torch::autograd::Function<Recompute> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const LayerPtr& layer) {
    auto first = c10::make_intrusive<FirstRun>();
    first->layer = layer;
    first->random = random_states(*layer, x.device());
    first->autocast = runtime::autocast_type(x.device().type());
    context->save_for_backward({x});
    context->saved_data[kFirstRun] = c10::IValue::make_capsule(std::move(first));
    const NoCastsKept without_graph;
    return layer->forward(x);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto held = context->saved_data.at(kFirstRun).toCapsule();
    const auto& first = static_cast<const FirstRun&>(*held);
    const auto x = context->get_saved_variables()[0].detach().requires_grad_(true);
    place_gradients(*first.layer);
    torch::Tensor out;
    {
      const Rewound rewound(first.random);
      const at::AutoGradMode with_gradients(true);
      const runtime::Autocast autocast(first.autocast, x.device().type());
      out = first.layer->forward(x);
    }
    torch::autograd::backward({out}, {gradients[0]});
    return {x.grad(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor recomputed(const LayerPtr& layer, const torch::Tensor& x) {
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return layer->forward(x);
  return Recompute::apply(x, layer);
}

}  // namespace vit::nn
