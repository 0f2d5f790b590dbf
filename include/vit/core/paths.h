// What a file's name says, and where the code that runs lies.
#pragma once

#include <filesystem>
#include <string>

namespace vit {

/// The extension with its dot, ASCII letters small: `.jpg` of `a/B.JPG`.
std::string lower_extension(const std::filesystem::path& path);

/// The shared library, or the program, that an address of code or data is a part of; absolute.
/// Empty where the system does not say.
std::filesystem::path library_of(const void* address);

/// The file `name` in the folder of `library_of`; empty where that is.
std::filesystem::path beside_library_of(const void* address, const char* name);

}  // namespace vit
