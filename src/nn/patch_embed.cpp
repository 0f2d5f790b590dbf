#include "vit/nn/patch_embed.h"

#include "vit/core/error.h"
#include "vit/nn/identity.h"

namespace vit::nn {

PatchEmbedImpl::PatchEmbedImpl(const PatchEmbedOptions& options_, const NormFactory& norm_layer,
                               const torch::TensorOptions& tensor_options)
    : options(options_),
      grid_size{options.img_size()[0] / options.patch_size()[0],
                options.img_size()[1] / options.patch_size()[1]} {
  proj = register_module(
      "proj", PatchProjection(
                  PatchProjectionOptions(options.in_c(), options.embed_dim(), options.patch_size()),
                  tensor_options));
  norm = register_module<Layer>("norm", norm_layer ? norm_layer(options.embed_dim(), tensor_options)
                                                   : std::make_shared<IdentityImpl>());
}

torch::Tensor PatchEmbedImpl::forward(const torch::Tensor& x) {
  const auto [height, width] = options.img_size();
  if (x.dim() != 4 || x.size(1) != options.in_c())
    throw DataError("patch_embed: expected input [B, {}, {}, {}], found {}", options.in_c(), height,
                    width, x.sizes().vec());
  if (x.size(2) != height || x.size(3) != width)
    throw DataError("patch_embed: expected an image of {} x {}, found {} x {} (height x width)",
                    height, width, x.size(2), x.size(3));
  auto tokens = proj(x).flatten(1, 2);  // [B, num_patches, embed_dim]
  return norm->forward(tokens);         // [B, num_patches, embed_dim]
}

}  // namespace vit::nn
