// Files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace vit {

/// Where an output goes.
struct OutputTarget {
  std::filesystem::path path;  ///< `path` itself, or what the link at its place points to
  /// A device, a pipe, a descriptor (/dev/stdout, /dev/fd/N): it is written to, never replaced.
  bool special = false;
  int descriptor = -1;  ///< of /dev/stdout and /dev/fd/N: N; else −1
};

/// Links are followed, also where they point to what does not exist. Throws IoError for links that
/// form a circle.
OutputTarget find_output_target(const std::filesystem::path& path);

/// Opens a special target for writing; the caller closes the descriptor. Throws IoError.
int open_special(const OutputTarget& target);

/// Writes to a temporary file in the folder of the file that `path` names, which has no name where
/// the file system allows that; `commit` syncs it and renames it. A device or pipe gets everything
/// at `commit`. Destroyed without `commit`, it leaves nothing behind; nor does a program that is
/// killed before, where the file had no name.
class AtomicFile {
 public:
  /// Throws IoError when `path`'s folder cannot be written. With a `suffix`, the temporary name
  /// ends in it, and somebody else may write to the file by that name.
  explicit AtomicFile(std::filesystem::path path, const std::string& suffix = "");
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws IoError (disk full, …).
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// The temporary name of a file with a suffix.
  const std::filesystem::path& temporary() const { return temporary_; }
  /// fsync, rename, fsync of the folder. Throws IoError.
  void commit();

 private:
  /// All that was written so far.
  void copy_to(int descriptor) const;
  /// To the unnamed file, for the rename.
  void give_name();

  std::filesystem::path path_;  ///< as the caller gave it
  OutputTarget target_;
  std::filesystem::path temporary_;  ///< empty while it has no name
  int descriptor_ = -1;
  std::size_t written_ = 0;     ///< bytes so far
  std::size_t on_its_way_ = 0;  ///< of these, what the disk has been told to write
};

/// The whole file. Throws IoError when it is missing, unreadable or no regular file, DataError when
/// it is larger than `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::size_t limit = 64U << 20);

/// `text` as a whole file, by AtomicFile.
void write_file(const std::filesystem::path& path, std::string_view text);

/// Syncs a folder's entries to disk. Throws IoError.
void sync_folder(const std::filesystem::path& folder);

}  // namespace vit
