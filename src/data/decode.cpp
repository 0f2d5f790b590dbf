#include "decode.h"

#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/data/image.h"
#include "vit/io/image_header.h"

namespace vit::data {
namespace {

/// A larger file is refused before it is read.
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;

Image decode(io::ImageFormat format, const Encoded& file) {
  switch (format) {
    case io::ImageFormat::kJpeg:
      return decode_jpeg(file);
    case io::ImageFormat::kPng:
      return decode_png(file);
    case io::ImageFormat::kWebp:
      return decode_webp(file);
    case io::ImageFormat::kBmp:
      return decode_bmp(file);
    case io::ImageFormat::kTiff:
      return decode_tiff(file);
  }
  throw DataError("{}: expected a picture", file.source);
}

/// As many channels as the model wants.
Image with_channels(Image image, std::int64_t channels) {
  if (image.channels == channels) return image;
  Image out(image.height, image.width, channels);
  const auto pixels = image.height * image.width;
  const auto* from = image.pixels.data();
  auto* to = out.pixels.data();
  for (std::int64_t i = 0; i < pixels; ++i, from += image.channels, to += channels) {
    if (channels == 1)
      *to = luma(from);
    else
      to[0] = to[1] = to[2] = *from;
  }
  return out;
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, const std::string& source,
                   std::int64_t channels) {
  if (channels != 1 && channels != 3)
    throw DataError("{}: a picture has 1 or 3 channels, the model takes {}", source, channels);
  const auto header = io::check_image(bytes, source);
  return with_channels(
      decode(header.format, {bytes, source, header.height, header.width, channels == 1}), channels);
}

Image decode_image(const std::filesystem::path& path, std::int64_t channels) {
  const auto bytes = read_file(path, kMaxFileBytes);
  return decode_image(std::as_bytes(std::span(bytes)), path.string(), channels);
}

}  // namespace vit::data
