#include "vit/nn/patch_embed.h"

#include "nn/check.h"
#include "vit/core/error.h"
#include "vit/nn/norm.h"

namespace vit::nn {

namespace {

/// Patches, [H, W].
Size2d grid_of(const PatchEmbedOptions& options) {
  Size2d grid{};
  for (int side = 0; side < 2; ++side) {
    const auto patch = options.patch_size()[side];
    check_at_least("patch_embed", "patch_size", patch);
    check_at_least("patch_embed", "img_size", options.img_size()[side], patch);
    grid[side] = options.img_size()[side] / patch;
  }
  return grid;
}

}  // namespace

PatchEmbedImpl::PatchEmbedImpl(const PatchEmbedOptions& options_, const NormFactory& norm_layer,
                               const torch::TensorOptions& tensor_options)
    : options(options_), grid_size(grid_of(options)) {
  proj = register_module(
      "proj", PatchProjection(
                  PatchProjectionOptions(options.in_c(), options.embed_dim(), options.patch_size())
                      .bias(options.bias()),
                  tensor_options));
  norm = register_module<Layer>("norm", make_norm(norm_layer, options.embed_dim(), tensor_options));
}

void PatchEmbedImpl::check_size(const torch::Tensor& x) const {
  const auto [height, width] = options.img_size();
  const auto [ph, pw] = options.patch_size();
  if (x.dim() != 4 || x.size(1) != options.in_c())
    throw DataError("patch_embed: expected input [B, {}, {}, {}], found {}", options.in_c(), height,
                    width, x.sizes().vec());
  const bool same = x.size(2) == height && x.size(3) == width;
  if (options.strict_img_size() && !same)
    throw DataError("patch_embed: expected an image of {} x {}, found {} x {} (height x width)",
                    height, width, x.size(2), x.size(3));
  if (!options.strict_img_size() && !options.dynamic_img_pad() &&
      (x.size(2) % ph != 0 || x.size(3) % pw != 0))
    throw DataError("patch_embed: expected an image of whole {} x {} patches, found {} x {}", ph,
                    pw, x.size(2), x.size(3));
}

torch::Tensor PatchEmbedImpl::pad(const torch::Tensor& x) const {
  if (!options.dynamic_img_pad()) return x;
  const auto [ph, pw] = options.patch_size();
  return at::constant_pad_nd(x, {0, (pw - x.size(3) % pw) % pw, 0, (ph - x.size(2) % ph) % ph});
}

torch::Tensor PatchEmbedImpl::forward(const torch::Tensor& x) {
  check_size(x);
  auto tokens = proj(pad(x)).flatten(1, 2);  // [B, num_patches, embed_dim]
  return norm->forward(tokens);              // [B, num_patches, embed_dim]
}

}  // namespace vit::nn
