// Opening the device that a user names.
#pragma once

#include <c10/core/Device.h>

#include <string>

namespace vit::runtime {

/// `auto` (CUDA if it works, else CPU), `cpu`, `cuda`, `cuda:N` or `meta`. Opens libtorch_cuda at
/// run time when CUDA may be meant: no program links it.
/// Throws UsageError where the device is not there, saying what is missing.
c10::Device open_device(const std::string& name);

/// Empty where CUDA works; else one line on why it does not.
std::string why_no_cuda();

/// Threads that one operator may use. Call before the first operator.
void set_threads(int threads);

}  // namespace vit::runtime
