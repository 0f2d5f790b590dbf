// The images of a folder and of the folders in it, found as they are needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace vit::data {

/// Links are followed.
bool is_folder(const std::filesystem::path& path);

struct FolderWalkOptions {
  /// Told of each folder before it is listed.
  std::function<void(const std::filesystem::path&)> entering = {};
  bool hidden = true;  ///< whether names that begin with a dot count
};

/// The images under a folder, depth first, in the order of their names. Links are followed; a loop
/// of them ends where it returns. Holds one listing a level, never the whole tree.
class FolderWalk {
 public:
  explicit FolderWalk(std::filesystem::path root, FolderWalkOptions options = {})
      : root_(std::move(root)), options_(std::move(options)) {}
  /// The next image; none at the end. Throws IoError where a folder cannot be listed, and goes on
  /// behind that folder when it is called again.
  std::optional<std::filesystem::path> next();

 private:
  struct Entry {
    std::filesystem::path path;
    bool is_folder = false;
  };
  struct Level {
    std::vector<Entry> entries;                  // last first
    std::pair<std::uint64_t, std::uint64_t> id;  // device and inode
  };

  void enter(const std::filesystem::path& folder);

  std::filesystem::path root_;
  FolderWalkOptions options_;
  std::vector<Level> levels_;
  bool started_ = false;
};

}  // namespace vit::data
