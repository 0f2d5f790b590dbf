// Pictures to tokens: a convolution whose stride is its kernel, then a norm.
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
};

/// The seed's PatchEmbed.
class PatchEmbedImpl : public EmbedLayer {
 public:
  /// Without `norm_layer`, `norm` is Identity.
  explicit PatchEmbedImpl(const PatchEmbedOptions& options = {}, const NormFactory& norm_layer = {},
                          const torch::TensorOptions& tensor_options = {});

  /// x: [B, in_c, H, W] → [B, num_patches, embed_dim]. Throws DataError where H and W are not
  /// img_size, naming both.
  torch::Tensor forward(const torch::Tensor& x) override;
  std::int64_t num_patches() const override { return grid_size[0] * grid_size[1]; }

  PatchEmbedOptions options;
  Size2d grid_size;  ///< patches, [H, W]
  PatchProjection proj{nullptr};
  LayerPtr norm;
};
TORCH_MODULE(PatchEmbed);

}  // namespace vit::nn
