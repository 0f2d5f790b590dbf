#include "vit/engine/module_library.h"

#include <dlfcn.h>

#include "vit/core/error.h"
#include "vit/core/paths.h"

namespace vit::engine {
namespace {

const ModuleLibrary* find_module_library(std::string& problem) {
  if (const auto* linked = dlsym(RTLD_DEFAULT, kModuleLibrary))
    return static_cast<const ModuleLibrary*>(linked);
  const auto path =
      beside_library_of(reinterpret_cast<const void*>(&module_library), "libvit_torch.so");
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
