// `FILE.part`: a file that grows while one process holds it, and gets FILE's name at the end.
#pragma once

#include <cstdint>
#include <filesystem>

namespace vit::pipeline {

class PartFile {
 public:
  /// Opens `<file>.part`, made where it is not there, and keeps other processes from doing so.
  /// Throws IoError where it is no regular file, cannot be written, or another process holds it.
  explicit PartFile(std::filesystem::path file);
  /// One that holds nothing is removed.
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const std::filesystem::path& path() const { return part_; }
  int descriptor() const { return descriptor_; }
  /// Bytes that it held when it was opened.
  std::int64_t found() const { return found_; }

  /// Keeps the first `bytes`; what is written to the descriptor follows them. Throws IoError.
  void keep(std::int64_t bytes);
  /// Throws IoError.
  void sync();
  /// Renames; without `force` never over a file that came to be meanwhile. Throws IoError.
  void publish(bool force);

 private:
  bool open();

  std::filesystem::path file_, part_;
  int descriptor_ = -1;
  std::int64_t found_ = 0;
  bool published_ = false;
};

/// `<file>.part`.
std::filesystem::path part_of(const std::filesystem::path& file);

}  // namespace vit::pipeline
