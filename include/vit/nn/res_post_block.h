// A transformer block whose norms follow attention and MLP instead of preceding them.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/block.h"

namespace vit::nn {

/// timm's `ResPostBlock` (`timm/models/vision_transformer.py`, 1.0.31). `init_values` is where the
/// norms' weights start; there is no LayerScale.
class ResPostBlockImpl : public AttendingLayer {
 public:
  ResPostBlockImpl(const BlockOptions& options, const NormFactory& norm_layer,
                   const LayerPtr& act_layer, const torch::TensorOptions& tensor_options = {});

  /// x: [B, N, dim] → [B, N, dim].
  torch::Tensor forward(const torch::Tensor& x) override;
  torch::Tensor attention_weights(const torch::Tensor& x) override;
  void reset_parameters(const at::Generator& generator) override;

  BlockOptions options;
  LayerPtr norm1, norm2, drop_path, mlp;
  AttendingLayerPtr attn;
};
TORCH_MODULE(ResPostBlock);

}  // namespace vit::nn
