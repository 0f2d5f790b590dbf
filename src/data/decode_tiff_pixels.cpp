// TIFF samples to pixels, as Pillow's `TiffImagePlugin.py` and its unpackers have them.
#include <algorithm>
#include <cstring>

#include "decode_tiff.h"
#include "ycbcr.h"

namespace vit::data::tiff {
namespace {

/// Pillow's clip of a 16-bit, 32-bit or float grey sample to 8 bits.
std::uint8_t clip_grey(const std::uint8_t* sample, const Layout& l) {
  if (l.bits == 32 && l.format == SAMPLEFORMAT_IEEEFP) {
    float value = 0;
    std::memcpy(&value, sample, sizeof value);
    if (!(value > 0.0F)) return 0;
    return value >= 255.0F ? 255 : static_cast<std::uint8_t>(value);
  }
  std::int32_t value = 0;
  if (l.bits == 32) {
    std::memcpy(&value, sample, sizeof value);
  } else if (l.format == SAMPLEFORMAT_INT) {
    std::int16_t word = 0;
    std::memcpy(&word, sample, sizeof word);
    value = word;
  } else {
    std::uint16_t word = 0;
    std::memcpy(&word, sample, sizeof word);
    value = word;
  }
  return static_cast<std::uint8_t>(std::clamp(value, 0, 255));
}

std::uint8_t grey_of(const std::uint8_t* sample, const Layout& l) {
  if (l.bits > 8) return clip_grey(sample, l);
  const unsigned scaled = l.bits == 8 ? *sample : *sample * 255U / ((1U << l.bits) - 1U);
  return static_cast<std::uint8_t>(l.photometric == PHOTOMETRIC_MINISWHITE ? 255U - scaled
                                                                           : scaled);
}

Image convert_palette(TIFF* tiff, const Encoded& file, const Samples& samples, const Layout& l) {
  std::uint16_t* maps[3] = {};
  if (TIFFGetField(tiff, TIFFTAG_COLORMAP, &maps[0], &maps[1], &maps[2]) != 1)
    fail(file, "a palette image without a palette");
  Image image(l.height, l.width, 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(maps[i % 3][samples.data[i / 3 * l.samples]] >> 8U);
  return image;
}

/// Premultiplied colour back to plain: Pillow's `unpackRGBa`.
void divide_by_alpha(std::uint8_t* rgb, unsigned alpha) {
  if (alpha == 255) return;
  for (int c = 0; c < 3; ++c)
    rgb[c] = alpha == 0 ? 0 : static_cast<std::uint8_t>(std::min(rgb[c] * 255U / alpha, 255U));
}

/// RGB, CMYK and YCbCr, of 16-bit samples the high byte.
Image convert_colour(const Encoded& file, const Samples& samples, const Layout& l) {
  const bool y_only = l.photometric == PHOTOMETRIC_YCBCR && file.grey;
  Image image(l.height, l.width, y_only ? 1 : 3);
  const auto* pixel = samples.data.data() + samples.bytes - 1;  // the high byte
  for (std::int64_t i = 0; i < image.height * image.width; ++i) {
    std::uint8_t in[4] = {};
    for (int c = 0; c < 4 && c < l.samples; ++c) in[c] = pixel[c * samples.bytes];
    pixel += l.samples * samples.bytes;
    auto* out = image.pixels.data() + i * image.channels;
    if (y_only) {
      *out = in[0];
    } else if (l.photometric == PHOTOMETRIC_SEPARATED) {
      cmyk_to_rgb(in, out);
    } else if (l.photometric == PHOTOMETRIC_YCBCR) {
      ycbcr_to_rgb(in, out);
    } else {
      std::copy_n(in, 3, out);
      if (l.alpha == EXTRASAMPLE_ASSOCALPHA) divide_by_alpha(out, in[3]);
    }
  }
  return image;
}

}  // namespace

Image convert(TIFF* tiff, const Encoded& file, const Samples& samples, const Layout& l,
              int colours) {
  if (l.photometric == PHOTOMETRIC_PALETTE) return convert_palette(tiff, file, samples, l);
  if (colours > 1) return convert_colour(file, samples, l);
  Image image(l.height, l.width, 1);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] =
        grey_of(samples.data.data() + i * l.samples * static_cast<std::size_t>(samples.bytes), l);
  return image;
}

Image turned(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool swap = orientation >= 5;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  // (y, x) of the result comes from (a, b) of the stored image, read from the far end as needed.
  Image out(swap ? image.width : image.height, swap ? image.height : image.width, image.channels);
  for (std::int64_t y = 0; y < out.height; ++y)
    for (std::int64_t x = 0; x < out.width; ++x) {
      const auto v = from_bottom ? out.height - 1 - y : y;
      const auto h = from_right ? out.width - 1 - x : x;
      std::copy_n(image.row(swap ? h : v) + (swap ? v : h) * image.channels, image.channels,
                  out.row(y) + x * image.channels);
    }
  return out;
}

}  // namespace vit::data::tiff
