// Images to tokens: a convolution whose stride is its kernel, then a norm.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/layer.h"
#include "vit/nn/patch_projection.h"

namespace vit::nn {

struct PatchEmbedOptions {
  TORCH_ARG(Size2d, img_size) = {224, 224};  ///< pixels, [H, W]
  TORCH_ARG(Size2d, patch_size) = {16, 16};  ///< pixels, [H, W]
  TORCH_ARG(std::int64_t, in_c) = 3;         ///< input channels
  TORCH_ARG(std::int64_t, embed_dim) = 768;
  TORCH_ARG(bool, bias) = true;              ///< of the projection
  TORCH_ARG(bool, strict_img_size) = true;   ///< false: any size that patches divide
  TORCH_ARG(bool, dynamic_img_pad) = false;  ///< pads the right and the bottom to whole patches
};

/// The seed's PatchEmbed; with other options, timm's (`timm/layers/patch_embed.py`, 1.0.31).
class PatchEmbedImpl : public EmbedLayer {
 public:
  /// Without `norm_layer`, `norm` is Identity.
  explicit PatchEmbedImpl(const PatchEmbedOptions& options = {}, const NormFactory& norm_layer = {},
                          const torch::TensorOptions& tensor_options = {});

  /// x: [B, in_c, H, W] → [B, num_patches, embed_dim]. Throws DataError where H and W are not
  /// img_size, naming both; without strict_img_size, where they are not whole patches.
  torch::Tensor forward(const torch::Tensor& x) override;
  std::int64_t num_patches() const override { return grid_size[0] * grid_size[1]; }

  PatchEmbedOptions options;
  Size2d grid_size;  ///< patches, [H, W]
  PatchProjection proj{nullptr};
  LayerPtr norm;

 private:
  void check_size(const torch::Tensor& x) const;
  torch::Tensor pad(const torch::Tensor& x) const;
};
TORCH_MODULE(PatchEmbed);

}  // namespace vit::nn
