// Opening the device that a user names.
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "vit/core/log.h"

namespace vit::runtime {

/// `auto` (CUDA if it works, else CPU), `cpu`, `cuda`, `cuda:N` or `meta`. Opens libtorch_cuda at
/// run time when CUDA may be meant: no program links it. A CUDA device has run one operation when
/// it comes back. `log` hears why `auto` takes the CPU of a machine that has an NVIDIA driver.
/// Throws UsageError where the device is not there, saying what is missing.
c10::Device open_device(const std::string& name, Log* log = nullptr);

/// Makes `device` ready before anything else asks LibTorch for it: opens libtorch_cuda where it is
/// a CUDA device. LibTorch remembers for the whole process that there was no CUDA when it was first
/// asked (by a backward pass on the CPU, by torch::cuda::is_available()). Throws UsageError where
/// the device is not there.
void prepare_device(c10::Device device);

/// Empty where CUDA works; else one line on why it does not.
std::string why_no_cuda();

/// Threads that one operator may use. Call before the first operator.
void set_threads(int threads);

}  // namespace vit::runtime
