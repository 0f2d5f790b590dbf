// Two linear layers with an activation between them.
#pragma once

#include <torch/nn/pimpl.h>

#include <optional>

#include "vit/nn/dropout.h"
#include "vit/nn/layer.h"
#include "vit/nn/linear.h"

namespace vit::nn {

/// Of every kind of MLP.
struct MlpOptions {
  explicit MlpOptions(std::int64_t in_features) : in_features_(in_features) {}
  TORCH_ARG(std::int64_t, in_features);
  TORCH_ARG(std::optional<std::int64_t>, hidden_features);  ///< null or 0: in_features
  TORCH_ARG(std::optional<std::int64_t>, out_features);     ///< null or 0: in_features
  TORCH_ARG(double, drop) = 0.0;                            ///< after each linear layer
  TORCH_ARG(bool, bias) = true;

 public:
  /// The widths with their fallbacks.
  std::int64_t hidden() const;
  std::int64_t out() const;
};

/// The seed's Mlp; with `norm_layer`, timm's `Mlp` (`timm/layers/mlp.py`, 1.0.31).
class MlpImpl : public Layer {
 public:
  /// `act_layer` may be shared with other layers; null: a Gelu of its own. `norm_layer`, where it
  /// is given, makes a norm before fc2.
  explicit MlpImpl(const MlpOptions& options, const LayerPtr& act_layer = nullptr,
                   const NormFactory& norm_layer = {},
                   const torch::TensorOptions& tensor_options = {});

  /// x: [..., in_features] → [..., out_features].
  torch::Tensor forward(const torch::Tensor& x) override;

  MlpOptions options;
  Linear fc1{nullptr}, fc2{nullptr};
  LayerPtr act, norm;
  Dropout drop{nullptr};
};
TORCH_MODULE(Mlp);

}  // namespace vit::nn
