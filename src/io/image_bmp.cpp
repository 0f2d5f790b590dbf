// BMP: the BITMAPCOREHEADER and BITMAPINFOHEADER families.
#include <cstdlib>

#include "image_formats.h"
#include "vit/core/error.h"

namespace vit::io {

ImageHeader parse_bmp(Bytes bytes, const std::string& source) {
  constexpr std::size_t kCore = 12;
  const auto fail = [&] {
    throw DataError("{}: expected a BMP header, found {} bytes that are none", source,
                    bytes.size());
  };
  if (bytes.size() < 26) fail();
  const std::size_t size = load_le<std::uint32_t>(bytes.data() + 14);
  const std::size_t data = load_le<std::uint32_t>(bytes.data() + 10);
  if ((size != kCore && size < 40) || size > 256 || size > bytes.size() - 14 || data > bytes.size())
    fail();
  ImageHeader header;
  if (size == kCore) {
    header.width = load_le<std::uint16_t>(bytes.data() + 18);
    header.height = load_le<std::uint16_t>(bytes.data() + 20);
  } else {
    header.width = load_le<std::int32_t>(bytes.data() + 18);
    // Negative: rows from the top down.
    header.height = std::llabs(std::int64_t{load_le<std::int32_t>(bytes.data() + 22)});
  }
  return header;
}

}  // namespace vit::io
