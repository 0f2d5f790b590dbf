// TIFF 6.0: width and height of the first image.
#include "image_formats.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

/// A file of either byte order.
class Tiff {
 public:
  Tiff(Bytes bytes, const std::string& source)
      : bytes_(bytes), source_(source), little_(bytes[0] == std::byte{'I'}) {}

  std::uint32_t u16(std::size_t at) const { return load<std::uint16_t>(at); }
  std::uint32_t u32(std::size_t at) const { return load<std::uint32_t>(at); }

 private:
  template <class T>
  T load(std::size_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T))
      throw DataError("{}: the TIFF ends early, after {} bytes", source_, bytes_.size());
    return little_ ? load_le<T>(bytes_.data() + at) : load_be<T>(bytes_.data() + at);
  }

  Bytes bytes_;
  const std::string& source_;
  bool little_;
};

}  // namespace

ImageHeader parse_tiff(Bytes bytes, const std::string& source) {
  constexpr std::uint32_t kWidth = 256;
  constexpr std::uint32_t kHeight = 257;
  constexpr std::uint32_t kShort = 3;
  const Tiff tiff(bytes, source);
  const std::size_t directory = tiff.u32(4);
  const auto count = tiff.u16(directory);
  ImageHeader header;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto entry = directory + 2 + std::size_t{12} * i;
    const auto tag = tiff.u16(entry);
    if (tag != kWidth && tag != kHeight) continue;
    const auto value = tiff.u16(entry + 2) == kShort ? tiff.u16(entry + 8) : tiff.u32(entry + 8);
    (tag == kWidth ? header.width : header.height) = value;
  }
  if (header.width == 0 || header.height == 0)
    throw DataError("{}: a TIFF that does not say its size", source);
  return header;
}

}  // namespace vit::io
