// What the NVIDIA driver says, asked without LibTorch.
#pragma once

namespace vit::infer {

/// CUDA devices that this process may use; 0 where there is no driver.
int cuda_devices();

}  // namespace vit::infer
