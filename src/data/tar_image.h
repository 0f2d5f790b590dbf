// Images that lie in a tar.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "vit/core/error.h"
#include "vit/data/image.h"
#include "vit/io/byte_range.h"

namespace vit::data {

/// Decodes the image in `size` bytes of `tar` from `offset` on. The tar is opened for each: there
/// may be more of them than a process may have files open. `name` opens the errors.
inline Image load_tar_image(const std::filesystem::path& tar, std::uint64_t offset,
                            std::uint64_t size, const std::string& name, std::int64_t channels) {
  const auto bytes = io::open_bytes(tar);
  if (offset + size > bytes.size())
    throw IoError("{}: expected the {} bytes of its image, found {} cut short", name, size,
                  tar.filename().string());
  return decode_image(bytes.part(offset, size).read_all(), name, channels);
}

}  // namespace vit::data
