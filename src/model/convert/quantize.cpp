#include "vit/model/quantize.h"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include "vit/core/error.h"

namespace vit::model {
namespace {

constexpr double kLargest = 127.0;

/// Shares of the largest weight that become 127: less of it clips outliers and rounds the rest
/// more finely.
constexpr int kSteps = 40;
constexpr double kSmallestShare = 0.5;

torch::Tensor rounded(const torch::Tensor& weight, const torch::Tensor& scale) {
  return (weight / scale.unsqueeze(1)).round().clamp(-kLargest, kLargest);
}

/// Of each row: the mean square change of the output, were the inputs independent.
torch::Tensor output_error(const torch::Tensor& weight, const torch::Tensor& scale,
                           const torch::Tensor& moments) {
  const auto change = weight - rounded(weight, scale) * scale.unsqueeze(1);
  return (change.square() * moments).sum(1);
}

torch::Tensor best_scale(const torch::Tensor& weight, const torch::Tensor& largest,
                         const torch::Tensor& moments) {
  auto best = largest;
  auto error = output_error(weight, best, moments);
  for (int i = 1; i <= kSteps; ++i) {
    const auto scale = largest * (1.0 - (1.0 - kSmallestShare) * i / kSteps);
    const auto other = output_error(weight, scale, moments);
    best = at::where(other < error, scale, best);
    error = at::minimum(other, error);
  }
  return best;
}

}  // namespace

QuantizedWeight quantize(const torch::Tensor& weight, const torch::Tensor& moments) {
  const c10::NoGradGuard no_grad;
  if (weight.dim() != 2 || weight.size(1) == 0)
    throw DataError("expected a weight [out, in] to quantize, found {}", weight.sizes().vec());
  if (moments.defined() && (moments.dim() != 1 || moments.size(0) != weight.size(1)))
    throw DataError("expected {} moments, one an input, found {}", weight.size(1),
                    moments.sizes().vec());
  const auto exact = weight.to(at::kFloat);
  if (!at::isfinite(exact).all().item<bool>())
    throw DataError("a weight that is not finite has no int8 form");
  auto scale = exact.abs().amax(1) / kLargest;
  scale = at::where(scale > 0, scale, at::ones_like(scale));  // a row of zeros
  if (moments.defined()) scale = best_scale(exact, scale, moments.to(at::kFloat));
  return {rounded(exact, scale).to(at::kChar), scale};
}

torch::Tensor dequantize(const torch::Tensor& values, const torch::Tensor& scale) {
  if (values.dim() != 2 || scale.dim() != 1 || scale.size(0) != values.size(0))
    throw DataError("expected values [out, in] and a scale [out], found {} and {}",
                    values.sizes().vec(), scale.sizes().vec());
  return values.to(at::kFloat) * scale.to(at::kFloat).unsqueeze(1);
}

}  // namespace vit::model
