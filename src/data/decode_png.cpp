// PNG by libpng without any of its conversions: Pillow's differ (16-bit grey clips, other 16-bit
// samples keep their high byte, gamma and colour profiles are not applied).
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <vector>

#include "decode.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const std::uint8_t* at = nullptr;
  std::size_t left = 0;
  char message[200] = "";

  Reader() = default;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

[[noreturn]] void on_png_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  std::strncpy(reader->message, message, sizeof reader->message - 1);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void read_bytes(png_structp png, png_bytep to, png_size_t count) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader->left) png_error(png, "the file ends before the image does");
  std::memcpy(to, reader->at, count);
  reader->at += count;
  reader->left -= count;
}

struct PngLayout {
  std::int64_t height = 0;
  std::int64_t width = 0;
  int depth = 0;
  int colour = 0;
  std::size_t row_bytes = 0;
  int palette_size = 0;
  png_colorp palette = nullptr;
};

/// Reads up to the pixels. False: `reader.message` says why.
bool read_header(Reader& reader, const Encoded& file, PngLayout& layout) {
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_png_error, ignore_warning);
  if (reader.png == nullptr) return false;
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  reader.info = png_create_info_struct(reader.png);
  reader.at = file.data();
  reader.left = file.size();
  png_set_read_fn(reader.png, &reader, read_bytes);
  png_set_user_limits(reader.png, static_cast<png_uint_32>(file.width),
                      static_cast<png_uint_32>(file.height));
  // Only pixels and palette are wanted: text, profiles and the like are skipped unread.
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(reader.png, reader.info);
  layout.height = png_get_image_height(reader.png, reader.info);
  layout.width = png_get_image_width(reader.png, reader.info);
  layout.depth = png_get_bit_depth(reader.png, reader.info);
  layout.colour = png_get_color_type(reader.png, reader.info);
  if (layout.colour == PNG_COLOR_TYPE_PALETTE)
    png_get_PLTE(reader.png, reader.info, &layout.palette, &layout.palette_size);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  layout.row_bytes = png_get_rowbytes(reader.png, reader.info);
  return true;
}

bool read_rows(Reader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, rows);
  return true;
}

int samples_of(int colour) {
  switch (colour) {
    case PNG_COLOR_TYPE_GRAY_ALPHA:
      return 2;
    case PNG_COLOR_TYPE_RGB:
      return 3;
    case PNG_COLOR_TYPE_RGB_ALPHA:
      return 4;
    default:
      return 1;
  }
}

/// Sample `x` of a row of 1, 2, 4 or 8 bits a sample.
unsigned sample(const png_byte* row, std::int64_t x, int depth) {
  const auto bit = x * depth;
  const auto shift = 8 - depth - static_cast<int>(bit % 8);
  return (row[bit / 8] >> shift) & ((1U << depth) - 1U);
}

void convert_grey(const png_byte* row, const PngLayout& layout, std::uint8_t* out) {
  const unsigned scale = layout.depth < 8 ? 255U / ((1U << layout.depth) - 1U) : 1U;
  for (std::int64_t x = 0; x < layout.width; ++x) {
    if (layout.depth == 16)
      out[x] = row[2 * x] != 0 ? 255 : row[2 * x + 1];  // Pillow clips
    else
      out[x] = static_cast<std::uint8_t>(sample(row, x, layout.depth) * scale);
  }
}

void convert_palette(const png_byte* row, const PngLayout& layout, std::uint8_t* out) {
  for (std::int64_t x = 0; x < layout.width; ++x, out += 3) {
    const auto index = static_cast<int>(sample(row, x, layout.depth));
    const png_color colour = index < layout.palette_size ? layout.palette[index] : png_color{};
    out[0] = colour.red;
    out[1] = colour.green;
    out[2] = colour.blue;
  }
}

/// Alpha is dropped, of 16-bit samples the high byte is kept.
void convert_samples(const png_byte* row, const PngLayout& layout, int kept, std::uint8_t* out) {
  const int bytes = layout.depth / 8;
  const int step = samples_of(layout.colour) * bytes;
  for (std::int64_t x = 0; x < layout.width; ++x, row += step, out += kept)
    for (std::ptrdiff_t c = 0; c < kept; ++c) out[c] = row[c * bytes];
}

}  // namespace

Image decode_png(const Encoded& file) {
  Reader reader;
  PngLayout layout;
  if (!read_header(reader, file, layout))
    throw DataError("{}: PNG: {}", file.source, reader.message);
  std::vector<png_byte> data(layout.row_bytes * static_cast<std::size_t>(layout.height));
  std::vector<png_bytep> rows(static_cast<std::size_t>(layout.height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = data.data() + y * layout.row_bytes;
  if (!read_rows(reader, rows.data())) throw DataError("{}: PNG: {}", file.source, reader.message);
  const bool grey =
      layout.colour == PNG_COLOR_TYPE_GRAY || layout.colour == PNG_COLOR_TYPE_GRAY_ALPHA;
  Image image(layout.height, layout.width, grey ? 1 : 3);
  for (std::int64_t y = 0; y < layout.height; ++y) {
    const auto* row = rows[static_cast<std::size_t>(y)];
    if (layout.colour == PNG_COLOR_TYPE_GRAY)
      convert_grey(row, layout, image.row(y));
    else if (layout.colour == PNG_COLOR_TYPE_PALETTE)
      convert_palette(row, layout, image.row(y));
    else
      convert_samples(row, layout, grey ? 1 : 3, image.row(y));
  }
  return image;
}

}  // namespace vit::data
