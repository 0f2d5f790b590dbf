// SHA-256, for manifests that say whether a file is still what was written.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace vit {

/// FIPS 180-4, as 64 lower-case hexadecimal digits.
std::string sha256(std::span<const std::byte> bytes);

/// The same of a whole file, read in pieces. Throws IoError when it is missing or unreadable.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace vit
