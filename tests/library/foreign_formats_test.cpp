// A program that has libraries of the same names as those inside libvit, and of another kind.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "data/golden.h"
#include "vit/core/sha256.h"
#include "vit/data/image.h"

// The program exports these, so that a library that looked them up by name would get them.
#define FOREIGN(name) \
  void name() { std::abort(); }
extern "C" {
FOREIGN(png_create_read_struct)
FOREIGN(png_create_info_struct)
FOREIGN(png_read_info)
FOREIGN(png_read_row)
FOREIGN(jpeg_std_error)
FOREIGN(jpeg_CreateDecompress)
FOREIGN(jpeg_read_header)
FOREIGN(jpeg_read_scanlines)
FOREIGN(TIFFClientOpenExt)
FOREIGN(TIFFReadEncodedStrip)
FOREIGN(TIFFClose)
FOREIGN(WebPAnimDecoderNewInternal)
FOREIGN(WebPDecode)
FOREIGN(WebPDecodeRGBInto)
FOREIGN(ZSTD_createDStream)
FOREIGN(ZSTD_decompressStream)
FOREIGN(lzma_stream_decoder)
FOREIGN(lzma_code)
FOREIGN(libdeflate_zlib_decompress)
FOREIGN(inflate)
FOREIGN(inflateInit_)
FOREIGN(inflateInit2_)
FOREIGN(deflate)
FOREIGN(crc32)
FOREIGN(SHA256_Init)
FOREIGN(SHA256_Update)
FOREIGN(SHA256_Final)
}
#undef FOREIGN

namespace vit {
namespace {

using vit::testing::GoldenImages;

TEST(ForeignFormats, AreNotWhatDecodesImages) {
  const auto& golden = GoldenImages::get();
  for (const auto& one : golden.cases("decoded")) {
    const auto file = one["file"].get<std::string>();
    SCOPED_TRACE(file);
    const auto image = data::decode_image(GoldenImages::path(file), 3);
    EXPECT_EQ(image.pixels, golden.bytes(one["rgb"], image.pixels.size()));
  }
}

TEST(ForeignFormats, AreNotWhatHashes) {
  // FIPS 180-2, appendix B.1.
  constexpr std::array kText{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
  EXPECT_EQ(sha256(kText), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace vit
