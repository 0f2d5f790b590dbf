#include "vit/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "vit/core/error.h"

namespace vit::io {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path) {
  throw IoError("{}: cannot be read: {}", path.string(), std::strerror(errno));
}

/// The mapping; empty for an empty file. Does not close `descriptor`.
std::span<const std::byte> map(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail(path);
  if (!S_ISREG(status.st_mode))
    throw IoError("{}: expected a regular file, found {}", path.string(),
                  S_ISDIR(status.st_mode) ? "a folder" : "a device, pipe or socket");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return {};
  // Writable, so that a tensor over it may be written; private, so that the file never is; without
  // reserve, so that a file larger than the memory can be looked at.
  void* start =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  if (start == MAP_FAILED) fail(path);
  return {static_cast<const std::byte*>(start), size};
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // Opening a FIFO would wait for a writer without O_NONBLOCK.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) fail(path);
  std::span<const std::byte> bytes;
  try {
    bytes = map(descriptor, path);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
  return std::shared_ptr<const MappedFile>(new MappedFile(path, bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace vit::io
