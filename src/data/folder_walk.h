// The images of a folder and of the folders in it, found as they are needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vit::pipeline {

/// Links are followed.
bool is_folder(const std::filesystem::path& path);

/// The images under a folder, depth first, in the order of their names. Holds one listing a
/// level, never the whole tree.
class FolderWalk {
 public:
  /// `entering` is told of each folder before it is listed.
  FolderWalk(std::filesystem::path root, std::function<void(const std::filesystem::path&)> entering)
      : root_(std::move(root)), entering_(std::move(entering)) {}
  /// The next image; none at the end. Throws IoError where a folder cannot be listed, DataError
  /// at the end where there was no image at all.
  std::optional<std::filesystem::path> next();

 private:
  struct Level {
    std::vector<std::filesystem::path> entries;  // last first
    std::pair<std::uint64_t, std::uint64_t> id;  // device and inode
  };

  void enter(const std::filesystem::path& folder);

  std::filesystem::path root_;
  std::function<void(const std::filesystem::path&)> entering_;
  std::vector<Level> levels_;
  bool started_ = false;
  std::int64_t found_ = 0;
};

}  // namespace vit::pipeline
