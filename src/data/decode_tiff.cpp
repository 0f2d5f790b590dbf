// TIFF by libtiff, its first image, with the conversions of Pillow's `TiffImagePlugin.py` (which,
// unlike the other formats, turns the image as its orientation tag says).
#include "decode_tiff.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "vit/core/error.h"

namespace vit::data {
namespace tiff {
namespace {

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

/// Whether Pillow reads this compression: no untrusted file reaches what else libtiff may know.
bool is_known(std::uint16_t compression) {
  constexpr std::array<std::uint16_t, 16> kCompressions{
      COMPRESSION_NONE,          COMPRESSION_CCITTRLEW, COMPRESSION_CCITTRLE,
      COMPRESSION_CCITTFAX3,     COMPRESSION_CCITTFAX4, COMPRESSION_LZW,
      COMPRESSION_OJPEG,         COMPRESSION_JPEG,      COMPRESSION_DEFLATE,
      COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS,  COMPRESSION_THUNDERSCAN,
      COMPRESSION_SGILOG,        COMPRESSION_SGILOG24,  COMPRESSION_LZMA,
      COMPRESSION_ZSTD};
  return std::ranges::find(kCompressions, compression) != kCompressions.end() &&
         TIFFIsCODECConfigured(compression) != 0;
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

}  // namespace
}  // namespace tiff

Image decode_tiff(const Encoded& file) {
  using namespace tiff;
  Memory memory{file.data(), file.size()};
  const auto handle = open_tiff(memory);
  if (!handle) fail(file, memory.message);
  auto l = read_layout(handle.get());
  if (l.height != file.height || l.width != file.width) fail(file, "two sizes in one file");
  if (!is_known(l.compression))
    throw DataError("{}: TIFF: compression {} is not supported", file.source, l.compression);
  if (l.compression == COMPRESSION_OJPEG) l.photometric = PHOTOMETRIC_YCBCR;
  const int colours = colour_samples(l);
  if (colours == 0)
    throw DataError("{}: TIFF: colour kind {} with {} samples of {} bits is not supported",
                    file.source, l.photometric, l.samples, l.bits);
  if (l.photometric == PHOTOMETRIC_YCBCR && l.compression != COMPRESSION_NONE) {
    const bool jpeg = l.compression == COMPRESSION_JPEG && l.planar == PLANARCONFIG_CONTIG;
    if (!jpeg) return turned(read_as_rgba(handle.get(), file, memory, l), l.orientation);
    TIFFSetField(handle.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    l.photometric = PHOTOMETRIC_RGB;
  }
  Samples samples;
  samples.bytes = std::max(l.bits / 8, 1);
  samples.data.resize(static_cast<std::size_t>(l.height) * l.width * l.samples *
                      static_cast<std::size_t>(samples.bytes));
  if (TIFFIsTiled(handle.get()) != 0)
    read_tiles(handle.get(), file, memory, l, samples);
  else
    read_strips(handle.get(), file, memory, l, samples);
  return turned(convert(handle.get(), file, samples, l, colours), l.orientation);
}

}  // namespace vit::data
