// A learned factor a channel on a residual branch.
#pragma once

#include <torch/nn/pimpl.h>

#include <optional>

#include "vit/nn/layer.h"

namespace vit::nn {

/// timm's `LayerScale` (`timm/layers/layer_scale.py`, 1.0.31). Parameter `gamma` [dim] is
/// uninitialised.
class LayerScaleImpl : public Layer {
 public:
  LayerScaleImpl(std::int64_t dim, double init_values,
                 const torch::TensorOptions& tensor_options = {});

  /// x: [..., dim] → the same shape.
  torch::Tensor forward(const torch::Tensor& x) override;
  /// `init_values` everywhere.
  void reset_parameters(const at::Generator& generator) override;

  double init_values;
  torch::Tensor gamma;
};
TORCH_MODULE(LayerScale);

/// LayerScale, or Identity where `init_values` is null.
LayerPtr make_layer_scale(std::int64_t dim, const std::optional<double>& init_values,
                          const torch::TensorOptions& tensor_options);

}  // namespace vit::nn
