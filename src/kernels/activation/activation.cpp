#include "vit/kernels/activation.h"

#include <utility>

#include "kernels/activation/levels.h"

namespace vit::kernels {
namespace {

constexpr std::pair<std::string_view, Activation> kActivationNames[] = {
    {"gelu", Activation::kGelu},
    {"gelu_tanh", Activation::kGeluTanh},
    {"identity", Activation::kIdentity},
    {"mish", Activation::kMish},
    {"quick_gelu", Activation::kQuickGelu},
    {"relu", Activation::kRelu},
    {"sigmoid", Activation::kSigmoid},
    {"silu", Activation::kSilu},
    {"swish", Activation::kSilu},
    {"tanh", Activation::kTanh},
};

}  // namespace

std::optional<Activation> parse_activation(std::string_view name) {
  for (const auto& [known, activation] : kActivationNames)
    if (known == name) return activation;
  return std::nullopt;
}

std::string_view activation_name(Activation activation) {
  for (const auto& [name, known] : kActivationNames)
    if (known == activation) return name;
  return "unknown";
}

void activate(Isa isa, Activation activation, const float* x, std::int64_t count, float* out) {
  if (isa >= Isa::kAvx512) return avx512::activate(activation, x, count, out);
  if (isa == Isa::kAvx2) return avx2::activate(activation, x, count, out);
  portable::activate(activation, x, count, out);
}

}  // namespace vit::kernels
