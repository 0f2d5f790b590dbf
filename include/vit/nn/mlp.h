// Two linear layers with an activation between them.
#pragma once

#include <torch/nn/pimpl.h>

#include <optional>

#include "vit/nn/dropout.h"
#include "vit/nn/layer.h"
#include "vit/nn/linear.h"

namespace vit::nn {

struct MlpOptions {
  explicit MlpOptions(std::int64_t in_features) : in_features_(in_features) {}
  TORCH_ARG(std::int64_t, in_features);
  TORCH_ARG(std::optional<std::int64_t>, hidden_features);  ///< null or 0: in_features
  TORCH_ARG(std::optional<std::int64_t>, out_features);     ///< null or 0: in_features
  TORCH_ARG(double, drop) = 0.0;                            ///< after each linear layer
  TORCH_ARG(bool, bias) = true;
};

/// The seed's Mlp.
class MlpImpl : public Layer {
 public:
  /// `act_layer` may be shared with other layers; null: a Gelu of its own.
  explicit MlpImpl(const MlpOptions& options, const LayerPtr& act_layer = nullptr,
                   const torch::TensorOptions& tensor_options = {});

  /// x: [..., in_features] → [..., out_features].
  torch::Tensor forward(const torch::Tensor& x) override;

  MlpOptions options;
  Linear fc1{nullptr}, fc2{nullptr};
  LayerPtr act;
  Dropout drop{nullptr};
};
TORCH_MODULE(Mlp);

}  // namespace vit::nn
