// The convolution whose stride is its kernel: one linear map of each patch's pixels.
#pragma once

#include <torch/arg.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

#include "vit/core/visit.h"
#include "vit/nn/layer.h"

namespace vit::nn {

struct PatchProjectionOptions {
  PatchProjectionOptions(std::int64_t in_channels, std::int64_t out_channels, Size2d patch_size)
      : in_channels_(in_channels), out_channels_(out_channels), patch_size_(patch_size) {}
  TORCH_ARG(std::int64_t, in_channels);
  TORCH_ARG(std::int64_t, out_channels);
  TORCH_ARG(Size2d, patch_size);  ///< pixels, [ph, pw]
  TORCH_ARG(bool, bias) = true;
};

/// Takes the place of Python's Conv2d, whose parameters it has: `weight` [out_channels,
/// in_channels, ph, pw] and `bias` [out_channels], uninitialised. Computed as a matrix product,
/// which runs on every device, `meta` included.
class PatchProjectionImpl : public Layer {
 public:
  explicit PatchProjectionImpl(const PatchProjectionOptions& options,
                               const torch::TensorOptions& tensor_options = {});

  /// x: [B, in_channels, H, W] → [B, H / ph, W / pw, out_channels], a rest of H or W left out.
  torch::Tensor forward(const torch::Tensor& x) override;
  /// The seed's: kaiming_normal fan_out, zero bias.
  void reset_parameters(const at::Generator& generator) override;

  PatchProjectionOptions options;
  torch::Tensor weight, bias;  ///< `bias` undefined without one
};
TORCH_MODULE(PatchProjection);

}  // namespace vit::nn
