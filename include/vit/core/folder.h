// Folders whose files appear together or not at all.
#pragma once

#include <filesystem>

namespace vit {

/// Files are written into `path()`, beside the folder that is meant, and `commit` puts them in its
/// place. Destroyed without `commit`, it leaves nothing behind.
class AtomicFolder {
 public:
  /// `folder` may exist, as a folder or a link to one. Without `beside`, and where nothing can
  /// stand beside it, the files of one that exists are written within. Throws IoError where that
  /// cannot be done either.
  explicit AtomicFolder(const std::filesystem::path& folder, bool beside = true);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Where to write.
  const std::filesystem::path& path() const { return temporary_; }

  /// A folder that existed is exchanged for the new one in one step, which has the other files of
  /// the old one, too. Where the file system cannot do that (or the folder is a mount point), the
  /// files are renamed one after the other, and back where one of them fails. Throws IoError, also
  /// where a folder stands in a file's place; everything is then as it was.
  void commit();

 private:
  void check_places() const;
  bool exchange();
  void move_files();

  std::filesystem::path target_;     ///< links followed
  std::filesystem::path temporary_;  ///< empty once it is in its place
  bool beside_ = true;               ///< else within the target
};

}  // namespace vit
