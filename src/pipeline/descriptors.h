// Bytes through file descriptors.
#pragma once

#include <filesystem>
#include <string_view>

namespace vit::pipeline {

/// False where nobody reads on (EPIPE). Throws IoError, which `name` opens.
bool write_all(int descriptor, std::string_view bytes, const std::filesystem::path& name);

/// All of `from`, from its beginning. Throws IoError where it cannot be read or written.
bool copy_all(int from, int to, const std::filesystem::path& name);

/// A file without a name. Throws IoError.
int open_unnamed();

}  // namespace vit::pipeline
