// A two-dimensional convolution whose kernel is its stride: the patch projection.
#pragma once

#include <torch/arg.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

#include "vit/core/visit.h"
#include "vit/nn/layer.h"

namespace vit::nn {

struct Conv2dOptions {
  Conv2dOptions(std::int64_t in_channels, std::int64_t out_channels, Size2d kernel_size)
      : in_channels_(in_channels), out_channels_(out_channels), kernel_size_(kernel_size) {}
  TORCH_ARG(std::int64_t, in_channels);
  TORCH_ARG(std::int64_t, out_channels);
  TORCH_ARG(Size2d, kernel_size);  ///< also the stride
  TORCH_ARG(bool, bias) = true;
};

/// Parameters `weight` [out_channels, in_channels, kh, kw] and `bias` [out_channels] are
/// uninitialised.
class Conv2dImpl : public Layer {
 public:
  explicit Conv2dImpl(const Conv2dOptions& options,
                      const torch::TensorOptions& tensor_options = {});

  /// x: [B, in_channels, H, W] → [B, out_channels, H / kh, W / kw], a rest of H or W left out.
  torch::Tensor forward(const torch::Tensor& x) override;

  Conv2dOptions options;
  torch::Tensor weight, bias;  ///< `bias` undefined without one
};
TORCH_MODULE(Conv2d);

}  // namespace vit::nn
