#include "vit/core/paths.h"

#include <dlfcn.h>

namespace vit {
namespace fs = std::filesystem;

std::string lower_extension(const fs::path& path) {
  auto extension = path.extension().string();
  for (auto& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension;
}

fs::path library_of(const void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ignored;
  return fs::absolute(info.dli_fname, ignored);
}

fs::path beside_library_of(const void* address, const char* name) {
  const auto library = library_of(address);
  return library.empty() ? library : library.parent_path() / name;
}

}  // namespace vit
