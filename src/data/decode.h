// One decoder a format, each by the format's own library, as Pillow does it. OpenCV's imgcodecs
// cannot stand in: it is off by one on CMYK JPEG, scales 16-bit grey where Pillow clips, fills a
// JPEG that is cut short with grey, and loads GDAL and GDCM into every program (140 libraries,
// 0.18 s, where these take 17 and 0.003 s).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "vit/data/image.h"

namespace vit::data {

/// What every decoder is given: checked bytes of its format.
struct Encoded {
  std::span<const std::byte> bytes;
  const std::string& source;  ///< opens the message of an error
  std::int64_t height;        ///< as the header says
  std::int64_t width;
  bool grey = false;  ///< the model wants one channel: YCbCr then gives its Y

  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }
  std::size_t size() const { return bytes.size(); }
};

/// Each gives Pillow's pixels, grey (1 channel) where Pillow's mode is grey, else RGB. All throw
/// DataError.
Image decode_jpeg(const Encoded& file);
Image decode_png(const Encoded& file);
Image decode_webp(const Encoded& file);
Image decode_bmp(const Encoded& file);
Image decode_tiff(const Encoded& file);

/// Pillow's `L` of an RGB pixel (ITU-R 601-2 in 16-bit fixed point).
inline std::uint8_t luma(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >>
                                   16U);
}

/// Pillow's RGB of a CMYK pixel.
inline void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb) {
  const int light = 255 - cmyk[3];
  for (int c = 0; c < 3; ++c) {
    const int product = cmyk[c] * light + 128;
    rgb[c] = static_cast<std::uint8_t>(light - ((product + (product >> 8)) >> 8));
  }
}

}  // namespace vit::data
