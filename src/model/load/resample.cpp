#include "model/load/resample.h"

#include <ATen/Functions.h>

#include "vit/core/error.h"

namespace vit::model {
namespace {

/// x: [B, C, h, w] → [B, C, size[0], size[1]]; torch.nn.functional.interpolate.
torch::Tensor interpolate(const torch::Tensor& x, Size2d size, const Interpolation& how) {
  const auto align = how.align_corners;
  if (how.bicubic)
    return how.antialias ? at::_upsample_bicubic2d_aa(x, size, align, std::nullopt, std::nullopt)
                         : at::upsample_bicubic2d(x, size, align, std::nullopt, std::nullopt);
  return how.antialias ? at::_upsample_bilinear2d_aa(x, size, align, std::nullopt, std::nullopt)
                       : at::upsample_bilinear2d(x, size, align, std::nullopt, std::nullopt);
}

/// [new_h * new_w, old_h * old_w]: what the resize does to each pixel.
torch::Tensor resize_matrix(Size2d old_size, Size2d new_size, const Interpolation& how) {
  const auto old_total = old_size[0] * old_size[1];
  const auto basis =
      at::eye(old_total, at::kFloat).reshape({old_total, 1, old_size[0], old_size[1]});
  return interpolate(basis, new_size, how)
      .squeeze(1)
      .permute({1, 2, 0})
      .reshape({new_size[0] * new_size[1], old_total});
}

}  // namespace

Interpolation interpolation_from_name(const std::string& name) {
  if (name == "bicubic") return {true, true, false};
  if (name == "bicubic-noaa") return {true, false, false};
  if (name == "bilinear") return {false, false, false};
  throw UsageError("expected bicubic, bicubic-noaa or bilinear, found '{}'", name);
}

torch::Tensor resample_pos_embed(const torch::Tensor& pos_embed, Size2d old_grid, Size2d new_grid,
                                 std::int64_t prefix, const Interpolation& how) {
  const auto dim = pos_embed.size(-1);
  const auto tokens = pos_embed.slice(1, 0, prefix);  // [1, prefix, dim]
  auto grid = pos_embed.slice(1, prefix)
                  .to(at::kFloat)
                  .reshape({1, old_grid[0], old_grid[1], dim})
                  .permute({0, 3, 1, 2});  // [1, dim, old_h, old_w]
  grid = interpolate(grid, new_grid, how).permute({0, 2, 3, 1}).reshape({1, -1, dim});
  return at::cat({tokens, grid.to(pos_embed.scalar_type())}, 1);
}

torch::Tensor resample_patch_embed(const torch::Tensor& weight, Size2d new_size,
                                   const Interpolation& how) {
  const auto out = weight.size(0);
  const auto in = weight.size(1);
  if (weight.is_meta()) return at::empty({out, in, new_size[0], new_size[1]}, weight.options());
  const auto inverse =
      at::linalg_pinv(resize_matrix({weight.size(2), weight.size(3)}, new_size, how));
  return at::matmul(weight.reshape({out, in, -1}).to(at::kFloat), inverse)
      .reshape({out, in, new_size[0], new_size[1]})
      .to(weight.scalar_type());
}

torch::Tensor adapt_input_channels(const torch::Tensor& weight, std::int64_t in_c) {
  const auto in = weight.size(1);
  if (in == in_c) return weight;
  const auto values = weight.to(at::kFloat);
  if (in_c == 1) return values.sum(1, /*keepdim=*/true).to(weight.scalar_type());
  const auto scale = static_cast<double>(in) / static_cast<double>(in_c);
  return (values.repeat({1, (in_c + in - 1) / in, 1, 1}).slice(1, 0, in_c) * scale)
      .to(weight.scalar_type());
}

}  // namespace vit::model
