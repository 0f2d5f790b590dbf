#include "vit/engine/module_library.h"

#include <dlfcn.h>

#include "vit/core/error.h"

namespace vit::engine {
namespace {

/// Where libvit_torch.so is to be: in the folder of the library, or of the program, that this is a
/// part of. Empty where the system does not say.
std::filesystem::path library_path() {
  Dl_info info{};
  const auto* here = reinterpret_cast<const void*>(&module_library);
  if (dladdr(here, &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ignored;
  return std::filesystem::absolute(info.dli_fname, ignored).parent_path() / "libvit_torch.so";
}

const ModuleLibrary* find_module_library(std::string& problem) {
  if (const auto* linked = dlsym(RTLD_DEFAULT, kModuleLibrary))
    return static_cast<const ModuleLibrary*>(linked);
  const auto path = library_path();
  // By its full path: a search path is nobody's to choose what is run.
  void* library = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const void* found = library != nullptr ? dlsym(library, kModuleLibrary) : nullptr;
  if (found == nullptr) {
    const char* reason = dlerror();
    problem = reason != nullptr ? reason : "libvit does not know where it is";
  }
  return static_cast<const ModuleLibrary*>(found);
}

}  // namespace

const ModuleLibrary& module_library() {
  static std::string problem;
  static const auto* const library = find_module_library(problem);
  if (library == nullptr)
    throw UsageError("engine: modules need LibTorch's part of the library: {}", problem);
  return *library;
}

}  // namespace vit::engine
