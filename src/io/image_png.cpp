// PNG: W3C Portable Network Graphics, third edition.
#include <zlib.h>

#include "image_formats.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {

ImageHeader parse_png(Bytes bytes, const std::string& source) {
  constexpr std::size_t kFrame = 12;  // length, type and checksum around a chunk's data
  ImageHeader header;
  bool data = false;
  for (std::size_t at = 8;;) {
    const auto left = bytes.size() - at;
    const std::size_t length =
        left >= kFrame ? load_be<std::uint32_t>(bytes.data() + at) : bytes.size();
    if (length > left || length + kFrame > left)
      throw DataError("{}: the PNG ends early, after {} bytes", source, bytes.size());
    const auto type = as_text(bytes.subspan(at + 4, 4));
    const auto* checked = reinterpret_cast<const Bytef*>(bytes.data() + at + 4);
    const auto stored = load_be<std::uint32_t>(bytes.data() + at + 8 + length);
    if (crc32_z(0, checked, length + 4) != stored)
      throw DataError("{}: the checksum of the PNG's {} chunk at byte {} is wrong", source,
                      in_quotes(type), at);
    const bool first = at == 8;
    if (first != (type == "IHDR") || (first && length != 13))
      throw DataError("{}: expected a PNG that starts with its one IHDR chunk, found {}", source,
                      in_quotes(type));
    if (first) {
      header.width = load_be<std::uint32_t>(bytes.data() + at + 8);
      header.height = load_be<std::uint32_t>(bytes.data() + at + 12);
    }
    data = data || type == "IDAT";
    if (type == "IEND") break;
    at += length + kFrame;
  }
  if (!data) throw DataError("{}: a PNG without an image", source);
  return header;
}

}  // namespace vit::io
