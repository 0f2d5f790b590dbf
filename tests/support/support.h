// What tests of several rooms share: golden files and temporary folders.
#pragma once

#include <filesystem>
#include <string>

namespace vit::testing {

/// `tests/golden/<name>`.
std::filesystem::path golden_path(const std::string& name);

/// A folder that is gone, with its contents, when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace vit::testing
