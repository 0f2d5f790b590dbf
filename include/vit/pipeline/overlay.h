// Attention laid over images, and the folder that holds such images.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <unordered_set>

#include "vit/core/file_roles.h"
#include "vit/data/image.h"

namespace vit::pipeline {

/// A folder of overlay images, one an input. A name follows from its input's alone, so that runs,
/// processes and inputs of equal stems never take each other's:
/// `<stem>-<16 hexadecimal digits of the SHA-256 of the input's name>.png`.
class OverlayFolder {
 public:
  /// Makes the folder. `roles`: what may not be replaced. Throws IoError, UsageError where the
  /// folder is or lies in an input.
  OverlayFolder(std::filesystem::path folder, bool force, FileRoles* roles = nullptr);
  std::filesystem::path path_of(const std::string& input) const;
  /// `png`: the bytes of a file. Throws IoError, also where the file exists, not of this run, and
  /// `force` is not set; UsageError where it is an input.
  void write(const std::string& input, const std::string& png);

 private:
  std::filesystem::path folder_;
  bool force_;
  FileRoles* roles_;
  std::unordered_set<std::string> written_;
};

/// `image` with the map laid over it, from its least value in blue to its largest in red.
/// map: [grid_h, grid_w], finite.
data::Image overlay_attention(const data::Image& image, std::span<const float> map,
                              std::int64_t grid_h);

}  // namespace vit::pipeline
