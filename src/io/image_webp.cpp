// WebP: RFC 9649.
#include <algorithm>
#include <cstdint>

#include "image_formats.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

std::int64_t load_24(const std::byte* from) {
  return load_le<std::uint16_t>(from) | (std::to_integer<std::int64_t>(from[2]) << 16);
}

/// The canvas (VP8X), or the one image (VP8, VP8L).
ImageHeader parse_chunk(std::string_view type, Bytes data, const std::string& source) {
  ImageHeader header;
  if (type == "VP8X" && data.size() >= 10) {
    header.animated = (data[0] & std::byte{2}) != std::byte{0};
    header.width = load_24(data.data() + 4) + 1;
    header.height = load_24(data.data() + 7) + 1;
  } else if (type == "VP8L" && data.size() >= 5 && data[0] == std::byte{0x2F}) {
    const auto bits = load_le<std::uint32_t>(data.data() + 1);
    header.width = (bits & 0x3FFFU) + 1;
    header.height = ((bits >> 14U) & 0x3FFFU) + 1;
  } else if (type == "VP8 " && data.size() >= 10 && starts_with(data.subspan(3), "\x9d\x01\x2a")) {
    header.width = load_le<std::uint16_t>(data.data() + 6) & 0x3FFF;
    header.height = load_le<std::uint16_t>(data.data() + 8) & 0x3FFF;
  } else {
    throw DataError("{}: expected a WebP that starts with an image or its canvas, found {}", source,
                    in_quotes(type));
  }
  return header;
}

}  // namespace

ImageHeader parse_webp(Bytes bytes, const std::string& source) {
  const auto cut_short = [&] {
    throw DataError("{}: the WebP ends early, after {} bytes", source, bytes.size());
  };
  const std::uint64_t claimed = std::uint64_t{8} + load_le<std::uint32_t>(bytes.data() + 4);
  if (claimed > bytes.size() || bytes.size() < 20) cut_short();
  const std::uint64_t length = load_le<std::uint32_t>(bytes.data() + 16);
  if (length > bytes.size() - 20) cut_short();
  return parse_chunk(as_text(bytes.subspan(12, 4)), bytes.subspan(20, length), source);
}

}  // namespace vit::io
