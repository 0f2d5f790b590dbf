#include "vit/runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>

#include "vit/core/error.h"

namespace vit::runtime {
namespace {

/// Whether there is an NVIDIA driver: looked at first, for LibTorch's CUDA side costs some 350 MiB
/// and half a second to load.
bool has_driver() {
  static const bool found = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) != nullptr;
  return found;
}

/// Loads LibTorch's CUDA side, once. Its initialisers register the CUDA kernels.
std::string load_cuda() {
  static const std::string problem = []() -> std::string {
    if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr) return "";
    const char* reason = dlerror();
    return format("LibTorch's CUDA library cannot be loaded ({})",
                  reason != nullptr ? reason : "libtorch_cuda.so");
  }();
  return problem;
}

int cuda_device_count() { return at::detail::getCUDAHooks().deviceCount(); }

}  // namespace

std::string why_no_cuda() {
  if (!has_driver()) return "no NVIDIA driver (libcuda.so.1) on this machine";
  if (auto problem = load_cuda(); !problem.empty()) return problem;
  try {
    if (at::globalContext().hasCUDA() && cuda_device_count() > 0) return "";
  } catch (const c10::Error& error) {
    return format("CUDA does not start ({})", error.what_without_backtrace());
  }
  return "no CUDA device or no NVIDIA driver on this machine";
}

c10::Device open_device(const std::string& name) {
  if (name == "auto") return why_no_cuda().empty() ? c10::Device(c10::kCUDA, 0) : c10::kCPU;
  if (name == "cpu") return c10::kCPU;
  if (name == "meta") return c10::kMeta;
  const bool numbered = name.rfind("cuda:", 0) == 0 && name.size() > 5 && name.size() <= 8 &&
                        name.find_first_not_of("0123456789", 5) == std::string::npos;
  if (name != "cuda" && !numbered)
    throw UsageError("--device: expected auto, cpu, cuda or cuda:N, found '{}'", name);
  if (const auto problem = why_no_cuda(); !problem.empty())
    throw UsageError("--device {}: {}", name, problem);
  const int index = numbered ? std::stoi(name.substr(5)) : 0;
  const auto count = cuda_device_count();
  if (index >= count)
    throw UsageError("--device {}: expected a device below {}, the number found", name, count);
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

void set_threads(int threads) { at::set_num_threads(threads); }

}  // namespace vit::runtime
