#include "cuda_driver.h"

#include <dlfcn.h>

namespace vit::infer {

int cuda_devices() {
  static const int found = [] {
    auto* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (driver == nullptr) return 0;
    // cuInit(flags) and cuDeviceGetCount(count): 0 is success.
    const auto start = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
    const auto count = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDeviceGetCount"));
    int devices = 0;
    if (start == nullptr || count == nullptr || start(0) != 0 || count(&devices) != 0) return 0;
    return devices;
  }();
  return found;
}

}  // namespace vit::infer
