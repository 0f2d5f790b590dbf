// A decoded image in plain memory, and decoding as Pillow does it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vit/core/image_view.h"

namespace vit::data {

/// 8-bit pixels `[height, width, channels]`, row after row: RGB (3) or grey (1).
struct Image {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 3;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  /// Black.
  Image(std::int64_t h, std::int64_t w, std::int64_t c)
      : height(h), width(w), channels(c), pixels(static_cast<std::size_t>(h * w * c)) {}

  std::uint8_t* row(std::int64_t y) { return pixels.data() + y * width * channels; }
  const std::uint8_t* row(std::int64_t y) const { return pixels.data() + y * width * channels; }

  /// 4 channels are taken as RGBA. Throws DataError on another count.
  operator ImageView() const;  // NOLINT(google-explicit-constructor): an image is its pixels
};

/// A copy as `channels` has it: 3 as Pillow's `convert('RGB')` (grey in every channel, alpha
/// dropped), 1 as `convert('L')`.
Image convert(const ImageView& image, std::int64_t channels);

/// What the names of image files end in: small letters, without the dot.
inline constexpr std::array<std::string_view, 7> kImageSuffixes{"jpg", "jpeg", "png", "webp",
                                                                "bmp", "tif",  "tiff"};
/// Whether a file's name ends in one of them, in letters of either case.
bool is_image_name(const std::filesystem::path& path);

/// The pixels that Pillow's `Image.open(path).convert('RGB')` (`channels` 3) or `.convert('L')` (1)
/// gives: JPEG, PNG, WebP, BMP, TIFF; the first frame of an animation; not turned by EXIF.
/// Format and size are checked before anything is decoded (io::check_image).
/// Throws IoError (missing, no regular file), DataError (no image, cut short, too large).
Image decode_image(const std::filesystem::path& path, std::int64_t channels);

/// The same from memory; `source` opens the message of an error.
Image decode_image(std::span<const std::byte> bytes, const std::string& source,
                   std::int64_t channels);

}  // namespace vit::data
