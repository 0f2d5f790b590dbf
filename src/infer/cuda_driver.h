// What the NVIDIA driver says, asked without LibTorch.
#pragma once

#include <string>

namespace vit::infer {

struct CudaDriver {
  int devices = 0;      ///< that this process may use
  std::string problem;  ///< why there are none; empty also where there is no driver
};

const CudaDriver& cuda_driver();

}  // namespace vit::infer
