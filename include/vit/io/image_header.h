// What an image file says of itself before anything is decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vit::io {

enum class ImageFormat { kJpeg, kPng, kWebp, kBmp, kTiff };

struct ImageHeader {
  ImageFormat format = ImageFormat::kPng;
  std::int64_t width = 0;   ///< pixels
  std::int64_t height = 0;  ///< pixels
  bool animated = false;    ///< of a WebP
};

/// At most this many pixels are decoded.
inline constexpr std::int64_t kMaxPixels = 100'000'000;

/// Format by magic bytes, size from the header, end of a JPEG or PNG checked (a truncated file is
/// an error, not a grey image). `source` opens the message. Throws DataError.
ImageHeader check_image(std::span<const std::byte> bytes, const std::string& source);

}  // namespace vit::io
