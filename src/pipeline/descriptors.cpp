#include "descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "vit/core/error.h"

namespace vit::pipeline {
namespace fs = std::filesystem;

bool write_all(int descriptor, std::string_view bytes, const fs::path& name) {
  while (!bytes.empty()) {
    const auto count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EPIPE) return false;
    if (count < 0) throw IoError("{}: cannot be written: {}", name.string(), std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool copy_all(int from, int to, const fs::path& name) {
  std::array<char, 1 << 16> block;
  off_t offset = 0;
  while (true) {
    const auto count = ::pread(from, block.data(), block.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      throw IoError("{}: cannot be written: what was collected for it cannot be read back: {}",
                    name.string(), std::strerror(errno));
    if (count == 0) return true;
    offset += count;
    if (!write_all(to, {block.data(), static_cast<std::size_t>(count)}, name)) return false;
  }
}

int open_unnamed() {
  auto pattern = (fs::temp_directory_path() / "vit-infer-XXXXXX").string();
  const int descriptor = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (descriptor < 0) throw IoError("{}: cannot be written: {}", pattern, std::strerror(errno));
  ::unlink(pattern.c_str());
  return descriptor;
}

}  // namespace vit::pipeline
