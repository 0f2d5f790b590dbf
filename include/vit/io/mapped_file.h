// A file's bytes, memory-mapped: nothing is read before it is looked at.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace vit::io {

/// Private, writable mapping (copy on write): what is written to it never reaches the file.
class MappedFile {
 public:
  /// Throws IoError when the file is missing, unreadable or not a regular file (a FIFO, a folder).
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {}

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

}  // namespace vit::io
