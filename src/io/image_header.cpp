#include "vit/io/image_header.h"

#include <algorithm>
#include <array>

#include "bytes.h"
#include "image_formats.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

struct Format {
  ImageFormat format;
  bool (*recognises)(Bytes bytes);
  ImageHeader (*parse)(Bytes bytes, const std::string& source);
};

constexpr std::array<Format, 5> kFormats{{
    {ImageFormat::kJpeg, [](Bytes b) { return starts_with(b, "\xff\xd8\xff"); }, parse_jpeg},
    {ImageFormat::kPng, [](Bytes b) { return starts_with(b, "\x89PNG\r\n\x1a\n"); }, parse_png},
    {ImageFormat::kWebp,
     [](Bytes b) {
       return starts_with(b, "RIFF") && b.size() >= 12 && starts_with(b.subspan(8), "WEBP");
     },
     parse_webp},
    {ImageFormat::kBmp, [](Bytes b) { return starts_with(b, "BM"); }, parse_bmp},
    {ImageFormat::kTiff,
     [](Bytes b) {
       return starts_with(b, std::string_view("II*\0", 4)) ||
              starts_with(b, std::string_view("MM\0*", 4));
     },
     parse_tiff},
}};

}  // namespace

ImageHeader check_image(std::span<const std::byte> bytes, const std::string& source) {
  if (bytes.empty()) throw DataError("{}: expected an image, found an empty file", source);
  const auto* format = std::find_if(kFormats.begin(), kFormats.end(),
                                    [&](const Format& f) { return f.recognises(bytes); });
  if (format == kFormats.end())
    throw DataError("{}: expected a JPEG, PNG, WebP, BMP or TIFF image, found another file",
                    source);
  auto header = format->parse(bytes, source);
  header.format = format->format;
  if (header.width < 1 || header.height < 1)
    throw DataError("{}: expected an image of at least 1 x 1 pixels, found {} x {}", source,
                    header.width, header.height);
  // Neither side is above 2^32, but their product may be above 2^63.
  if (header.width > kMaxPixels / header.height)
    throw DataError("{}: expected at most {} pixels, found {} x {}", source, kMaxPixels,
                    header.width, header.height);
  return header;
}

}  // namespace vit::io
