// x · Wᵀ + b over the last dimension.
#pragma once

#include <torch/arg.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <functional>

#include "vit/nn/layer.h"

namespace vit::nn {

struct LinearOptions {
  LinearOptions(std::int64_t in_features, std::int64_t out_features)
      : in_features_(in_features), out_features_(out_features) {}
  TORCH_ARG(std::int64_t, in_features);
  TORCH_ARG(std::int64_t, out_features);
  TORCH_ARG(bool, bias) = true;
};

/// Parameters `weight` [out_features, in_features] and `bias` [out_features] are uninitialised.
class LinearImpl : public Layer {
 public:
  explicit LinearImpl(const LinearOptions& options,
                      const torch::TensorOptions& tensor_options = {});

  /// x: [..., in_features] → [..., out_features].
  torch::Tensor forward(const torch::Tensor& x) override;
  /// The seed's: trunc_normal .01, zero bias.
  void reset_parameters(const at::Generator& generator) override;

  LinearOptions options;
  torch::Tensor weight, bias;  ///< `bias` undefined without one
  /// Where it is set, is added to what goes out.
  std::function<torch::Tensor(const torch::Tensor& x)> update;
};
TORCH_MODULE(Linear);

}  // namespace vit::nn
