// Files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace vit {

/// Writes to a temporary name beside `path`; `commit` syncs it and renames it to `path`.
/// Destroyed without `commit`, it leaves nothing behind.
class AtomicFile {
 public:
  /// Throws IoError when `path`'s folder cannot be written.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws IoError (disk full, …).
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// fsync, rename, fsync of the folder. Throws IoError.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  std::size_t written_ = 0;     ///< bytes so far
  std::size_t on_its_way_ = 0;  ///< of these, what the disk has been told to write
};

/// The whole file. Throws IoError when it is missing, unreadable, no regular file or larger than
/// `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::size_t limit = 64U << 20);

/// `text` as a whole file, by AtomicFile.
void write_file(const std::filesystem::path& path, std::string_view text);

/// Syncs a folder's entries to disk. Throws IoError.
void sync_folder(const std::filesystem::path& folder);

/// Throws UsageError where `output` is the same file as `input`, IoError where `output` exists and
/// `force` is not set.
void check_output(const std::filesystem::path& output, const std::filesystem::path& input,
                  bool force);

}  // namespace vit
