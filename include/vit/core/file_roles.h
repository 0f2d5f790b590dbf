// The rule that no output is, replaces or deletes an input: every file that a command reads or
// writes is named here, and compared by device and inode, whatever name it goes by.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace vit {

/// A file that exists: two names of one file have equal identities.
using FileId = std::pair<dev_t, ino_t>;

/// Links are followed. None where there is no such file.
std::optional<FileId> file_id(const std::filesystem::path& path);

/// Thread-safe.
class FileRoles {
 public:
  /// A file or folder that is read; what does not exist is left to whoever opens it.
  /// Throws UsageError where it is an output.
  void reads(const std::filesystem::path& path);
  /// As `reads`, for one of any number of inputs: compared with the outputs named so far, and not
  /// remembered.
  void reads_once(const std::filesystem::path& path);
  /// As `reads`, for one of several inputs: no folder that files are written to may hold it, for
  /// what is written there could be read next. Throws UsageError.
  void reads_member(const std::filesystem::path& path);
  /// A folder that is read with all that is in it: no output may lie in it.
  /// Throws UsageError where an output does.
  void reads_tree(const std::filesystem::path& folder);

  /// A file that is going to be written. Devices, pipes and /dev/stdout are always free; where
  /// `path` is a link, its target counts. Throws UsageError where it is an input, lies in a tree
  /// that is read or is another output; IoError where it is a folder, or exists and `force` is not
  /// set.
  void writes(const std::filesystem::path& path, bool force);
  /// A folder that files are going to be written to; whether it may exist is the caller's to say.
  /// Throws UsageError where it is an input, holds a member or lies in a tree that is read.
  void writes_folder(const std::filesystem::path& folder);
  /// A file in such a folder, about to be written; not remembered. Throws UsageError where it would
  /// replace an input.
  void writes_into_folder(const std::filesystem::path& path);

 private:
  struct Output {
    std::filesystem::path path;    ///< where it is written, links followed
    std::string name;              ///< as the user gave it
    std::optional<FileId> id;      ///< of what it replaces
    std::optional<FileId> folder;  ///< that it stands in
  };

  void check_input(const FileId& id) const;
  void check_output(const Output& output) const;
  void check_members(const Output& folder) const;

  std::mutex mutex_;
  std::map<FileId, std::string> inputs_, trees_;     // → as the user named it
  std::map<FileId, std::string> members_;            // by folder: a file of it that is read
  std::map<std::string, Output> outputs_, folders_;  // by name
};

}  // namespace vit
