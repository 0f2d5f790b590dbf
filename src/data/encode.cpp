#include "vit/data/encode.h"

// jpeglib.h wants <cstdio> before it.
#include <jpeglib.h>
#include <png.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "vit/core/error.h"

namespace vit::data {
namespace {

void check_pixels(const Image& image) {
  if (image.height < 1 || image.width < 1 || (image.channels != 1 && image.channels != 3))
    throw DataError("image to be encoded: expected H, W > 0 and 1 or 3 channels, found {}",
                    std::vector{image.height, image.width, image.channels});
}

/// libjpeg's own handler would end the process.
[[noreturn]] void on_jpeg_error(j_common_ptr jpeg) {
  char message[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, message);
  throw DataError("image to be encoded: {}", message);
}

}  // namespace

std::string encode_png(const Image& image) {
  check_pixels(image);
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(&png, bytes.data(), &size, /*convert_to_8bit=*/0,
                                image.pixels.data(), /*row_stride=*/0, nullptr) == 0)
    throw DataError("image to be encoded: {}", png.message);
  bytes.resize(size);
  return bytes;
}

std::string encode_jpeg(const Image& image, int quality) {
  check_pixels(image);
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  errors.error_exit = on_jpeg_error;
  jpeg_create_compress(&jpeg);
  const std::unique_ptr<jpeg_compress_struct, decltype(&jpeg_destroy_compress)> owner(
      &jpeg, jpeg_destroy_compress);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.input_components = static_cast<int>(image.channels);
  jpeg.in_color_space = image.channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, /*force_baseline=*/TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = const_cast<JSAMPROW>(image.row(jpeg.next_scanline));  // only read
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string bytes(reinterpret_cast<const char*>(buffer), size);
  std::free(buffer);
  return bytes;
}

}  // namespace vit::data
