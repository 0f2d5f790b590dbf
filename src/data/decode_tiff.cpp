// TIFF by libtiff, its first picture, with the conversions of Pillow's `TiffImagePlugin.py` (which,
// unlike the other formats, turns the picture as its orientation tag says).
#include <tiffio.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "decode.h"
#include "vit/core/error.h"
#include "ycbcr.h"

namespace vit::data {
namespace {

/// What libtiff reads from, and what it said last.
struct Memory {
  const std::uint8_t* data;
  std::uint64_t size;
  std::uint64_t at = 0;
  char message[200] = "damaged";
};

Memory* memory_of(thandle_t handle) { return static_cast<Memory*>(handle); }

tmsize_t read_memory(thandle_t handle, void* to, tmsize_t count) {
  auto* memory = memory_of(handle);
  const auto left = memory->at < memory->size ? memory->size - memory->at : 0;
  const auto n = std::min(left, static_cast<std::uint64_t>(std::max<tmsize_t>(count, 0)));
  if (n > 0) std::memcpy(to, memory->data + memory->at, n);
  memory->at += n;
  return static_cast<tmsize_t>(n);
}

tmsize_t refuse_write(thandle_t /*handle*/, void* /*from*/, tmsize_t /*count*/) { return -1; }

toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  auto* memory = memory_of(handle);
  if (whence == SEEK_CUR) offset += memory->at;
  if (whence == SEEK_END) offset += memory->size;
  memory->at = offset;
  return offset;
}

int close_memory(thandle_t /*handle*/) { return 0; }
toff_t size_of_memory(thandle_t handle) { return memory_of(handle)->size; }

int keep_message(TIFF* /*tiff*/, void* data, const char* /*module*/, const char* text,
                 va_list arguments) {
  auto* memory = static_cast<Memory*>(data);
  std::vsnprintf(memory->message, sizeof memory->message, text, arguments);
  return 1;
}

int ignore_message(TIFF* /*tiff*/, void* /*data*/, const char* /*module*/, const char* /*text*/,
                   va_list /*arguments*/) {
  return 1;
}

using TiffPointer = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

TiffPointer open_tiff(Memory& memory) {
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_message, &memory);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore_message, nullptr);
  return {TIFFClientOpenExt("", "rm", &memory, read_memory, refuse_write, seek_memory, close_memory,
                            size_of_memory, nullptr, nullptr, options.get()),
          TIFFClose};
}

struct Layout {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::uint16_t photometric = 0;
  std::uint16_t bits = 1;
  std::uint16_t samples = 1;
  std::uint16_t format = SAMPLEFORMAT_UINT;
  std::uint16_t planar = PLANARCONFIG_CONTIG;
  std::uint16_t compression = COMPRESSION_NONE;
  std::uint16_t orientation = ORIENTATION_TOPLEFT;
  std::uint16_t alpha = 0;  // kind of the first extra sample; 0 where there is none
};

Layout read_layout(TIFF* tiff) {
  Layout l;
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &l.height);
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &l.width);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &l.photometric);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &l.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &l.samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &l.format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &l.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &l.compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &l.orientation);
  std::uint16_t extra_count = 0;
  std::uint16_t* extra = nullptr;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extra);
  if (extra_count > 0 && extra != nullptr) l.alpha = extra[0];
  return l;
}

/// Colour samples of a pixel; 0 where the combination is none of Pillow's.
int colour_samples(const Layout& l) {
  const bool bytes = l.bits == 8 && l.format == SAMPLEFORMAT_UINT;
  const bool words = l.bits == 16 && l.format == SAMPLEFORMAT_UINT;
  const bool less = (l.bits == 1 || l.bits == 2 || l.bits == 4) && l.format == SAMPLEFORMAT_UINT;
  const bool many = l.samples <= 6;
  switch (l.photometric) {
    case PHOTOMETRIC_MINISWHITE:
      return l.samples == 1 &&
                     (less || bytes || words || (l.bits == 32 && l.format == SAMPLEFORMAT_IEEEFP))
                 ? 1
                 : 0;
    case PHOTOMETRIC_MINISBLACK:
      if (l.samples == 2) return bytes && l.alpha != EXTRASAMPLE_ASSOCALPHA ? 1 : 0;
      return l.samples == 1 && (less || l.bits == 32 ||
                                ((l.bits == 8 || l.bits == 16) && l.format <= SAMPLEFORMAT_INT))
                 ? 1
                 : 0;
    case PHOTOMETRIC_RGB:
      return (bytes || words) && l.samples >= 3 && many ? 3 : 0;
    case PHOTOMETRIC_PALETTE:
      return (less && l.samples == 1) || (bytes && l.samples <= 2) ? 1 : 0;
    case PHOTOMETRIC_SEPARATED:
      return (bytes || words) && l.samples >= 4 && many ? 4 : 0;
    case PHOTOMETRIC_YCBCR:
      return bytes && (l.samples == 1 || l.samples == 3) ? l.samples : 0;
    default:
      return 0;
  }
}

/// Every sample of the picture as it stands: `[H, W, samples]`, each of `bytes_of(bits)` bytes in
/// this machine's order; samples of less than 8 bits one a byte.
struct Samples {
  std::int64_t bytes = 1;
  std::vector<std::uint8_t> data;
};

/// Where decoded strips and tiles go.
struct Block {
  std::uint32_t top, left, height, width;
  std::uint16_t plane;
};

void unpack(const std::uint8_t* from, std::int64_t row_bytes, const Block& block, const Layout& l,
            Samples& samples) {
  const std::int64_t here = l.planar == PLANARCONFIG_CONTIG ? l.samples : 1;
  const auto rows = std::min(block.height, l.height - block.top);
  const auto columns = std::min(block.width, l.width - block.left);
  for (std::uint32_t y = 0; y < rows; ++y) {
    const auto* row = from + y * row_bytes;
    for (std::int64_t i = 0; i < columns * here; ++i) {
      const auto pixel = static_cast<std::int64_t>(block.top + y) * l.width + block.left + i / here;
      auto* to = samples.data.data() + (pixel * l.samples + block.plane + i % here) * samples.bytes;
      if (l.bits >= 8) {
        std::memcpy(to, row + i * samples.bytes, static_cast<std::size_t>(samples.bytes));
      } else {
        const auto bit = i * l.bits;
        *to =
            static_cast<std::uint8_t>(row[bit / 8] >> (8 - l.bits - bit % 8) & ((1 << l.bits) - 1));
      }
    }
  }
}

[[noreturn]] void fail(const Encoded& file, const char* message) {
  throw DataError("{}: TIFF: {}", file.source, message);
}

/// A buffer for one strip or tile, which must have the size that the tags give it.
std::vector<std::uint8_t> block_buffer(const Encoded& file, tmsize_t size, std::int64_t row_bytes,
                                       std::int64_t expected_row, std::int64_t rows) {
  constexpr tmsize_t kMaxBlock = tmsize_t{1} << 30;
  if (size <= 0 || size > kMaxBlock || row_bytes < expected_row || row_bytes > size ||
      rows > size / row_bytes)
    fail(file, "strips or tiles of another size than the tags say");
  return std::vector<std::uint8_t>(static_cast<std::size_t>(size));
}

void read_tiles(TIFF* tiff, const Encoded& file, const Memory& memory, const Layout& l,
                Samples& samples) {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
  constexpr std::uint32_t kMaxSide = 1U << 20;
  if (height == 0 || width == 0 || height > kMaxSide || width > kMaxSide)
    fail(file, "tiles of a size that cannot be");
  const std::int64_t here = l.planar == PLANARCONFIG_CONTIG ? l.samples : 1;
  const auto row_bytes = TIFFTileRowSize(tiff);
  auto buffer =
      block_buffer(file, TIFFTileSize(tiff), row_bytes, (width * here * l.bits + 7) / 8, height);
  const auto planes = l.planar == PLANARCONFIG_CONTIG ? 1 : l.samples;
  for (std::uint16_t plane = 0; plane < planes; ++plane)
    for (std::uint32_t y = 0; y < l.height; y += height)
      for (std::uint32_t x = 0; x < l.width; x += width) {
        if (TIFFReadTile(tiff, buffer.data(), x, y, 0, plane) < 0) fail(file, memory.message);
        unpack(buffer.data(), row_bytes, {y, x, height, width, plane}, l, samples);
      }
}

void read_strips(TIFF* tiff, const Encoded& file, const Memory& memory, const Layout& l,
                 Samples& samples) {
  std::uint32_t rows = 0;
  if (TIFFGetField(tiff, TIFFTAG_ROWSPERSTRIP, &rows) != 1 || rows == 0 || rows > l.height)
    rows = l.height;
  const std::int64_t here = l.planar == PLANARCONFIG_CONTIG ? l.samples : 1;
  const auto row_bytes = TIFFScanlineSize(tiff);
  auto buffer = block_buffer(file, TIFFStripSize(tiff), row_bytes,
                             (static_cast<std::int64_t>(l.width) * here * l.bits + 7) / 8, rows);
  const auto planes = l.planar == PLANARCONFIG_CONTIG ? 1 : l.samples;
  for (std::uint16_t plane = 0; plane < planes; ++plane)
    for (std::uint32_t y = 0; y < l.height; y += rows) {
      const auto strip = TIFFComputeStrip(tiff, y, plane);
      const auto needed = row_bytes * static_cast<tmsize_t>(std::min(rows, l.height - y));
      if (TIFFReadEncodedStrip(tiff, strip, buffer.data(), static_cast<tmsize_t>(buffer.size())) <
          needed)
        fail(file, memory.message);
      unpack(buffer.data(), row_bytes, {y, 0, rows, l.width, plane}, l, samples);
    }
}

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
    fail(file, "a palette picture without a palette");
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

/// Compressed YCbCr may be subsampled: libtiff's own conversion, as Pillow has it.
Image read_as_rgba(TIFF* tiff, const Encoded& file, const Memory& memory, const Layout& l) {
  char message[1024] = "";
  TIFFRGBAImage reader;
  if (TIFFRGBAImageOK(tiff, message) == 0 || TIFFRGBAImageBegin(&reader, tiff, 0, message) == 0)
    fail(file, message);
  reader.orientation = reader.req_orientation = ORIENTATION_TOPLEFT;
  std::vector<std::uint32_t> raster(static_cast<std::size_t>(l.height) * l.width);
  const int done = TIFFRGBAImageGet(&reader, raster.data(), l.width, l.height);
  TIFFRGBAImageEnd(&reader);
  if (done == 0) fail(file, memory.message);
  Image image(l.height, l.width, 3);
  for (std::size_t i = 0; i < raster.size(); ++i) {
    image.pixels[i * 3] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
    image.pixels[i * 3 + 1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
    image.pixels[i * 3 + 2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
  }
  return image;
}

/// The picture as its orientation tag (1 … 8) wants it to be seen.
Image turned(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool swap = orientation >= 5;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  // (y, x) of the result comes from (a, b) of the stored picture, read from the far end as needed.
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

}  // namespace

Image decode_tiff(const Encoded& file) {
  Memory memory{file.data(), file.size()};
  const auto tiff = open_tiff(memory);
  if (!tiff) fail(file, memory.message);
  auto l = read_layout(tiff.get());
  if (l.height != file.height || l.width != file.width) fail(file, "two sizes in one file");
  if (TIFFIsCODECConfigured(l.compression) == 0) fail(file, "a compression that is not supported");
  if (l.compression == COMPRESSION_OJPEG) l.photometric = PHOTOMETRIC_YCBCR;
  const int colours = colour_samples(l);
  if (colours == 0)
    throw DataError("{}: TIFF: colour kind {} with {} samples of {} bits is not supported",
                    file.source, l.photometric, l.samples, l.bits);
  if (l.photometric == PHOTOMETRIC_YCBCR && l.compression != COMPRESSION_NONE) {
    const bool jpeg = l.compression == COMPRESSION_JPEG && l.planar == PLANARCONFIG_CONTIG;
    if (!jpeg) return turned(read_as_rgba(tiff.get(), file, memory, l), l.orientation);
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    l.photometric = PHOTOMETRIC_RGB;
  }
  Samples samples;
  samples.bytes = std::max(l.bits / 8, 1);
  samples.data.resize(static_cast<std::size_t>(l.height) * l.width * l.samples *
                      static_cast<std::size_t>(samples.bytes));
  if (TIFFIsTiled(tiff.get()) != 0)
    read_tiles(tiff.get(), file, memory, l, samples);
  else
    read_strips(tiff.get(), file, memory, l, samples);
  return turned(convert(tiff.get(), file, samples, l, colours), l.orientation);
}

}  // namespace vit::data
