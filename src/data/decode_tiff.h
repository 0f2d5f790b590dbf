// The parts of the TIFF decoder: reading from memory, what the tags say, pixels as Pillow has them.
#pragma once

#include <tiffio.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "decode.h"

namespace vit::data::tiff {

/// What libtiff reads from, and what it said last.
struct Memory {
  const std::uint8_t* data;
  std::uint64_t size;
  std::uint64_t at = 0;
  char message[200] = "damaged";
};

using TiffPointer = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

/// Null where it is no TIFF. Messages of errors go to `memory`, warnings nowhere.
TiffPointer open_tiff(Memory& memory);

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

/// Every sample of the image as it stands: `[H, W, samples]`, each of `bytes_of(bits)` bytes in
/// this machine's order; samples of less than 8 bits one a byte.
struct Samples {
  std::int64_t bytes = 1;
  std::vector<std::uint8_t> data;
};

[[noreturn]] void fail(const Encoded& file, const char* message);

/// The pixels of `samples`, with `colours` colour samples each, as Pillow converts them.
Image convert(TIFF* tiff, const Encoded& file, const Samples& samples, const Layout& l,
              int colours);

/// The image as its orientation tag (1 … 8) wants it to be seen.
Image turned(Image image, int orientation);

}  // namespace vit::data::tiff
