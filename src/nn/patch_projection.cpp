#include "vit/nn/patch_projection.h"

#include "nn/check.h"
#include "vit/nn/init.h"

namespace vit::nn {

PatchProjectionImpl::PatchProjectionImpl(const PatchProjectionOptions& options_,
                                         const torch::TensorOptions& tensor_options)
    : options(options_) {
  const auto [ph, pw] = options.patch_size();
  for (const auto side : {ph, pw}) check_at_least("patch_embed", "patch_size", side);
  check_at_least("patch_embed", "in_c", options.in_channels());
  check_at_least("patch_embed", "embed_dim", options.out_channels());
  weight = register_parameter(
      "weight", at::empty({options.out_channels(), options.in_channels(), ph, pw}, tensor_options));
  if (options.bias())
    bias = register_parameter("bias", at::empty({options.out_channels()}, tensor_options));
}

torch::Tensor PatchProjectionImpl::forward(const torch::Tensor& x) {
  const auto [ph, pw] = options.patch_size();
  const auto B = x.size(0), C = x.size(1), gh = x.size(2) / ph, gw = x.size(3) / pw;
  auto patches = x.narrow(2, 0, gh * ph)
                     .narrow(3, 0, gw * pw)
                     .reshape({B, C, gh, ph, gw, pw})
                     .permute({0, 2, 4, 1, 3, 5})
                     .reshape({B, gh, gw, C * ph * pw});  // [B, gh, gw, C * ph * pw]
  return at::linear(patches, weight.flatten(1), bias);    // [B, gh, gw, out_channels]
}

void PatchProjectionImpl::reset_parameters(const at::Generator& generator) {
  kaiming_normal_fan_out_(weight, generator);
  if (bias.defined()) bias.zero_();
}

}  // namespace vit::nn
