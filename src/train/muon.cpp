#include "muon.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace vit::train {
namespace {

/// The coefficients of five Newton-Schulz steps: timm's `quintic`.
constexpr std::array<std::array<double, 3>, 5> kSteps{{{4.0848, -6.8946, 2.9270},
                                                       {3.9505, -6.3029, 2.6377},
                                                       {3.7418, -5.5913, 2.3037},
                                                       {2.8769, -3.1427, 1.2046},
                                                       {2.8366, -3.0525, 1.2012}}};

/// Rows and columns once a convolution's weights are one matrix.
std::array<std::int64_t, 2> matrix_sides(const at::Tensor& tensor) {
  const auto rows = tensor.size(0);
  return {rows, rows > 0 ? tensor.numel() / rows : 0};
}

/// timm's `_is_suitable_for_muon`.
bool is_matrix(const at::Tensor& parameter) {
  constexpr std::int64_t kShortest = 4;
  constexpr double kLongest = 128.0;  // times the shorter side
  const auto sizes = parameter.sizes();
  if (sizes.size() < 2 || sizes[0] == 1 || sizes[1] == 1) return false;
  const auto [rows, columns] = matrix_sides(parameter);
  const auto [low, high] = std::minmax(rows, columns);
  return low >= kShortest && static_cast<double>(high) / static_cast<double>(low) <= kLongest;
}

/// The nearest orthogonal matrix, roughly, in bfloat16.
at::Tensor orthogonalised(const at::Tensor& matrix, double eps) {
  auto x = matrix.to(at::kBFloat16, /*non_blocking=*/false, /*copy=*/true);
  const bool tall = x.size(0) > x.size(1);
  if (tall) x = x.mT();
  x.div_(x.norm(2, {-2, -1}, /*keepdim=*/true).mul(1.0).clamp_min_(eps));
  x = x.contiguous();
  for (const auto& [a, b, c] : kSteps) {
    const auto square = at::addmm(at::zeros({x.size(0), x.size(0)}, x.options()), x, x.mT(),
                                  /*beta=*/0.0, /*alpha=*/1.0);
    const auto mixed = at::addmm(square, square, square, /*beta=*/b, /*alpha=*/c);
    x = at::addmm(x, mixed, x, /*beta=*/a, /*alpha=*/1.0);
  }
  return tall ? x.mT() : x;
}

}  // namespace

Muon::Muon(std::vector<ParamGroup> groups, const OptimizerSettings& settings)
    : AdamW(std::move(groups), settings,
            [](const at::Tensor& parameter) { return !is_matrix(parameter); }),
      momentum_(settings.momentum),
      eps_(settings.eps) {
  for (const auto& group : groups_) {
    auto& buffers = buffers_.emplace_back();
    for (const auto& parameter : group.parameters)
      buffers.push_back(is_matrix(parameter) ? at::zeros_like(parameter).detach() : at::Tensor());
  }
}

NamedTensors Muon::state() const {
  auto entries = AdamW::state();
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < groups_[g].names.size(); ++i)
      if (buffers_[g][i].defined())
        entries.emplace_back("momentum_buffer." + groups_[g].names[i], buffers_[g][i]);
  return entries;
}

void Muon::step_group(std::size_t g, const std::vector<std::size_t>& indices, double lr) {
  const auto& group = groups_[g];
  std::vector<std::size_t> others;
  for (const auto i : indices) {
    const auto& buffer = buffers_[g][i];
    if (!buffer.defined()) {
      others.push_back(i);
      continue;
    }
    const auto& parameter = group.parameters[i];
    parameter.mul_(1.0 - lr * group.weight_decay);
    buffer.lerp_(parameter.grad(), 1.0 - momentum_);
    const auto [rows, columns] = matrix_sides(buffer);
    const auto update = orthogonalised(buffer.reshape({rows, columns}), eps_);
    // As large as AdamW's updates are (Liu et al. 2025).
    const double scale = 0.2 * std::sqrt(static_cast<double>(std::max(rows, columns)));
    parameter.add_(update.reshape(parameter.sizes()), -lr * scale);
  }
  if (!others.empty()) AdamW::step_group(g, others, lr);
}

}  // namespace vit::train
