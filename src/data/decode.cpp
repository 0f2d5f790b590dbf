#include "decode.h"

#include <algorithm>
#include <array>
#include <utility>

#include "vit/core/contains.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/paths.h"
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
  throw DataError("{}: expected an image", file.source);
}

/// As many channels as the model wants.
Image with_channels(Image image, std::int64_t channels) {
  return image.channels == channels ? std::move(image) : convert(image, channels);
}

}  // namespace

bool is_image_name(const std::filesystem::path& path) {
  const auto extension = lower_extension(path);
  return !extension.empty() && contains(kImageSuffixes, std::string_view(extension).substr(1));
}

Image::operator ImageView() const {
  const auto order = channels == 1   ? ChannelOrder::kGrey
                     : channels == 3 ? ChannelOrder::kRgb
                                     : ChannelOrder::kRgba;
  if (channels != 1 && channels != 3 && channels != 4)
    throw DataError("image: expected 1, 3 or 4 channels, found {}", channels);
  return {pixels.data(), height, width, width * channels, order};
}

Image convert(const ImageView& image, std::int64_t channels) {
  Image out(image.height, image.width, channels);
  const auto step = image.channels();
  const std::array<std::int64_t, 3> byte{image.byte_of(0), image.byte_of(1), image.byte_of(2)};
  auto* to = out.pixels.data();
  for (std::int64_t y = 0; y < image.height; ++y) {
    const auto* from = image.row(y);
    for (std::int64_t x = 0; x < image.width; ++x, from += step, to += channels) {
      const std::array<std::uint8_t, 3> rgb{from[byte[0]], from[byte[1]], from[byte[2]]};
      if (channels == 1)
        *to = image.grey() ? *from : luma(rgb.data());
      else
        std::copy(rgb.begin(), rgb.end(), to);
    }
  }
  return out;
}

Image decode_image(std::span<const std::byte> bytes, const std::string& source,
                   std::int64_t channels) {
  if (channels != 1 && channels != 3)
    throw DataError("{}: an image has 1 or 3 channels, the model takes {}", source, channels);
  const auto header = io::check_image(bytes, source);
  return with_channels(
      decode(header.format, {bytes, source, header.height, header.width, channels == 1}), channels);
}

Image decode_image(const std::filesystem::path& path, std::int64_t channels) {
  const auto bytes = read_file(path, kMaxFileBytes);
  return decode_image(std::as_bytes(std::span(bytes)), path.string(), channels);
}

}  // namespace vit::data
