// JPEG by libjpeg-turbo with its defaults (accurate integer DCT, fancy upsampling), as Pillow's
// `src/libImaging/JpegDecode.c` drives it.
#include <csetjmp>
#include <cstdio>
// libjpeg's header needs <cstdio> before it.
#include <jpeglib.h>

#include "decode.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

/// A progressive file of more scans than this is an attack on the decoder's time.
constexpr int kMaxScans = 500;

struct Failure {
  jpeg_error_mgr manager;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void fail(j_common_ptr common, const char* message) {
  auto* failure = reinterpret_cast<Failure*>(common->err);
  std::snprintf(failure->message, sizeof failure->message, "%s", message);
  std::longjmp(failure->jump, 1);
}

void on_decode_error(j_common_ptr common) {
  char message[JMSG_LENGTH_MAX];
  common->err->format_message(common, message);
  fail(common, message);
}

void ignore_jpeg_message(j_common_ptr /*common*/) {}
void ignore(j_decompress_ptr /*jpeg*/) {}

boolean on_end_of_bytes(j_decompress_ptr jpeg) {
  fail(reinterpret_cast<j_common_ptr>(jpeg), "the file ends before the image does");
}

void skip(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  auto* source = jpeg->src;
  if (static_cast<std::size_t>(count) > source->bytes_in_buffer) on_end_of_bytes(jpeg);
  source->next_input_byte += count;
  source->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void on_progress(j_common_ptr common) {
  const auto* jpeg = reinterpret_cast<j_decompress_ptr>(common);
  if (jpeg->input_scan_number > kMaxScans) fail(common, "too many scans");
}

/// Everything that libjpeg may jump out of; it has no C++ object to leak.
struct Decoder {
  jpeg_decompress_struct jpeg{};
  Failure failure{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};

  Decoder() = default;
  ~Decoder() { jpeg_destroy_decompress(&jpeg); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Reads the header. False: `failure.message` says why.
  bool open(const Encoded& file) {
    jpeg.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = on_decode_error;
    failure.manager.output_message = ignore_jpeg_message;
    if (setjmp(failure.jump) != 0) return false;
    jpeg_create_decompress(&jpeg);
    source.init_source = ignore;
    source.fill_input_buffer = on_end_of_bytes;
    source.skip_input_data = skip;
    source.resync_to_restart = jpeg_resync_to_restart;
    source.term_source = ignore;
    source.next_input_byte = file.data();
    source.bytes_in_buffer = file.size();
    jpeg.src = &source;
    progress.progress_monitor = on_progress;
    jpeg.progress = &progress;
    jpeg_read_header(&jpeg, TRUE);
    if (jpeg.num_components == 1)
      jpeg.out_color_space = JCS_GRAYSCALE;
    else if (jpeg.num_components == 3)
      jpeg.out_color_space = JCS_RGB;
    else if (jpeg.num_components == 4)
      jpeg.out_color_space = JCS_CMYK;
    else
      fail(reinterpret_cast<j_common_ptr>(&jpeg), "expected 1, 3 or 4 components");
    return true;
  }

  /// Decodes to rows of `row_bytes` at `pixels`. Stops after the last row: what follows it, an end
  /// marker included, is not looked at.
  bool read(std::uint8_t* pixels, std::size_t row_bytes) {
    if (setjmp(failure.jump) != 0) return false;
    jpeg_start_decompress(&jpeg);
    while (jpeg.output_scanline < jpeg.output_height) {
      JSAMPROW row = pixels + jpeg.output_scanline * row_bytes;
      jpeg_read_scanlines(&jpeg, &row, 1);
    }
    return true;
  }
};

}  // namespace

Image decode_jpeg(const Encoded& file) {
  Decoder decoder;
  if (!decoder.open(file)) throw DataError("{}: JPEG: {}", file.source, decoder.failure.message);
  const std::int64_t height = decoder.jpeg.image_height;
  const std::int64_t width = decoder.jpeg.image_width;
  if (height != file.height || width != file.width)
    throw DataError("{}: JPEG: two sizes in one file", file.source);
  const std::int64_t components = decoder.jpeg.num_components;
  Image image(height, width, components);
  if (!decoder.read(image.pixels.data(), static_cast<std::size_t>(width * components)))
    throw DataError("{}: JPEG: {}", file.source, decoder.failure.message);
  if (components != 4) return image;
  Image rgb(height, width, 3);
  for (std::int64_t i = 0; i < height * width; ++i) {
    auto* cmyk = image.pixels.data() + i * 4;
    // Adobe stores ink inverted, and Pillow takes every file for Adobe's.
    for (int c = 0; c < 4; ++c) cmyk[c] = static_cast<std::uint8_t>(255 - cmyk[c]);
    cmyk_to_rgb(cmyk, rgb.pixels.data() + i * 3);
  }
  return rgb;
}

}  // namespace vit::data
