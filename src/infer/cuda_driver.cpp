#include "cuda_driver.h"

#include <dlfcn.h>

#include "vit/core/error.h"

namespace vit::infer {
namespace {

CudaDriver ask() {
  auto* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) return {};
  // cuInit(flags) and cuDeviceGetCount(count): 0 is success.
  const auto start = reinterpret_cast<int (*)(unsigned)>(dlsym(library, "cuInit"));
  const auto count = reinterpret_cast<int (*)(int*)>(dlsym(library, "cuDeviceGetCount"));
  if (start == nullptr || count == nullptr) return {0, "libcuda.so.1 is no NVIDIA driver"};
  constexpr int kNoDevice = 100;  // CUDA_ERROR_NO_DEVICE
  const auto status = start(0);
  int devices = 0;
  if (status == 0 && count(&devices) == 0 && devices > 0) return {devices, ""};
  if (status != 0 && status != kNoDevice)
    return {0, format("the NVIDIA driver does not start (CUDA error {})", status)};
  return {0, "the NVIDIA driver finds no device that this process may use"};
}

}  // namespace

const CudaDriver& cuda_driver() {
  static const auto driver = ask();
  return driver;
}

}  // namespace vit::infer
