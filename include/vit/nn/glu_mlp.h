// MLPs with a gate: one half of the hidden width multiplies the other.
#pragma once

#include <torch/nn/pimpl.h>

#include "vit/nn/mlp.h"

namespace vit::nn {

/// timm's `GluMlp` (`timm/layers/mlp.py`, 1.0.31): fc1 makes both halves.
class GluMlpImpl : public Layer {
 public:
  /// `gate_last`: the second half is the gate; else the first (timm's `SwiGLUPacked`). A null
  /// `act_layer`: Gelu. Throws DataError where the hidden width is odd.
  GluMlpImpl(const MlpOptions& options, const LayerPtr& act_layer, const NormFactory& norm_layer,
             const torch::TensorOptions& tensor_options, bool gate_last);

  /// x: [..., in_features] → [..., out_features].
  torch::Tensor forward(const torch::Tensor& x) override;
  /// The gate near one: weights of std 1e-6, bias 1.
  void reset_parameters(const at::Generator& generator) override;

  MlpOptions options;
  bool gate_last;
  Linear fc1{nullptr}, fc2{nullptr};
  LayerPtr act, norm;
  Dropout drop{nullptr};
};
TORCH_MODULE(GluMlp);

}  // namespace vit::nn
