#include "vit/io/byte_range.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vit/core/error.h"

namespace vit::io {
namespace {

[[noreturn]] void cannot_read(const std::filesystem::path& path) {
  throw IoError("{}: cannot be read: {}", path.string(), std::strerror(errno));
}

class FileSource : public ByteSource {
 public:
  explicit FileSource(std::filesystem::path path)
      : path_(std::move(path)),
        // Opening a FIFO would wait for a writer without O_NONBLOCK.
        descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
    if (descriptor_ < 0) cannot_read(path_);
    try {
      size_ = size_of_regular_file();
    } catch (...) {
      ::close(descriptor_);
      throw;
    }
  }
  ~FileSource() override { ::close(descriptor_); }

  std::uint64_t size() const override { return size_; }

  void read(std::uint64_t offset, std::span<std::byte> to) const override {
    while (!to.empty()) {
      const auto count = ::pread(descriptor_, to.data(), to.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) cannot_read(path_);
      if (count == 0)
        throw IoError("{}: expected {} bytes, found the end after {}: it was cut short while read",
                      path_.string(), size_, offset);
      to = to.subspan(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
  }

 private:
  std::uint64_t size_of_regular_file() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) cannot_read(path_);
    if (!S_ISREG(status.st_mode))
      throw IoError("{}: expected a regular file, found {}", path_.string(),
                    S_ISDIR(status.st_mode) ? "a folder" : "a device, pipe or socket");
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::filesystem::path path_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> to) const override {
    const auto from = std::span(bytes_).subspan(offset, to.size());
    std::copy(from.begin(), from.end(), to.begin());
  }

 private:
  std::vector<std::byte> bytes_;
};

/// What lies outside is a mistake of the caller's, who checks what a file claims.
void expect_inside(std::uint64_t offset, std::uint64_t count, std::uint64_t size) {
  if (offset > size || count > size - offset)
    throw std::out_of_range(
        format("bytes {} to {} of a range of {}", offset, offset + count, size));
}

}  // namespace

ByteRange ByteRange::part(std::uint64_t offset, std::uint64_t count) const {
  expect_inside(offset, count, size_);
  auto result = *this;
  result.begin_ += offset;
  result.size_ = count;
  return result;
}

void ByteRange::read(std::uint64_t offset, std::span<std::byte> to) const {
  expect_inside(offset, to.size(), size_);
  if (!to.empty()) source_->read(begin_ + offset, to);
}

std::vector<std::byte> ByteRange::read_start(std::uint64_t count) const {
  std::vector<std::byte> bytes(std::min(count, size_));
  read(0, bytes);
  return bytes;
}

ByteRange open_bytes(const std::filesystem::path& path) {
  return ByteRange(std::make_shared<FileSource>(path));
}

ByteRange memory_bytes(std::vector<std::byte> bytes) {
  return ByteRange(std::make_shared<MemorySource>(std::move(bytes)));
}

}  // namespace vit::io
