// Which container a video file is, and whether the file ends before its container does.
#pragma once

#include <filesystem>

namespace vit::data {

struct Container {
  enum Kind { kAvi, kMp4, kMatroska };
  Kind kind = kAvi;
  bool cut_short = false;  ///< its outermost box, chunk or element reaches beyond the end of file
};

/// Looks at the first bytes and, of an MP4, at the chain of its outermost boxes. Throws IoError
/// (missing, no regular file), DataError where the file is none of the three.
Container check_container(const std::filesystem::path& path);

}  // namespace vit::data
