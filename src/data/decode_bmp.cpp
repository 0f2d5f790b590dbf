// BMP by hand, after Pillow's `BmpImagePlugin.py`: there is no library of the format's own.
#include <algorithm>
#include <array>
#include <vector>

#include "decode.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

constexpr std::uint32_t kRaw = 0;
constexpr std::uint32_t kRle8 = 1;
constexpr std::uint32_t kRle4 = 2;
constexpr std::uint32_t kBitFields = 3;

/// Little-endian numbers of a file that may end anywhere.
class BmpBytes {
 public:
  explicit BmpBytes(const Encoded& file) : file_(file) {}

  std::uint32_t u8(std::size_t at) const {
    if (at >= file_.size())
      throw DataError("{}: BMP: the file ends before the image does", file_.source);
    return file_.data()[at];
  }
  std::uint32_t u16(std::size_t at) const { return u8(at) | u8(at + 1) << 8U; }
  std::uint32_t u32(std::size_t at) const { return u16(at) | u16(at + 2) << 16U; }

  /// `count` bytes from `at`.
  const std::uint8_t* range(std::size_t at, std::size_t count) const {
    if (at > file_.size() || count > file_.size() - at)
      throw DataError("{}: BMP: the file ends before the image does", file_.source);
    return file_.data() + at;
  }
  bool has(std::size_t at) const { return at < file_.size(); }

 private:
  const Encoded& file_;
};

using Masks = std::array<std::uint32_t, 4>;  // red, green, blue, alpha

struct BmpLayout {
  std::uint32_t bits = 0;
  std::uint32_t compression = kRaw;
  bool top_down = false;
  Masks masks{};
  std::vector<std::uint8_t> palette;  // [colours, 3], RGB
  std::size_t pixels = 0;             // where they begin
};

[[noreturn]] void refuse(const Encoded& file, const char* what, std::uint32_t found) {
  throw DataError("{}: BMP: {} {} is not supported", file.source, what, found);
}

BmpLayout read_layout(const Encoded& file, const BmpBytes& in) {
  constexpr std::size_t kHeader = 14;
  const auto header_size = in.u32(kHeader);
  const bool core = header_size == 12;
  if (!core && header_size != 40 && header_size != 52 && header_size != 56 && header_size != 64 &&
      header_size != 108 && header_size != 124)
    refuse(file, "a header of length", header_size);
  BmpLayout layout;
  std::uint32_t colours = 0;
  std::size_t at = kHeader + header_size;  // of what follows the header
  if (core) {
    layout.bits = in.u16(kHeader + 10);
  } else {
    // Pillow looks at the height's top byte alone.
    layout.top_down = in.u8(kHeader + 11) == 0xFF;
    layout.bits = in.u16(kHeader + 14);
    layout.compression = in.u32(kHeader + 16);
    colours = in.u32(kHeader + 32);
    if (layout.compression == kBitFields) {
      const bool inside = header_size >= 52;
      const auto from = inside ? kHeader + 40 : at;
      const std::size_t count = header_size >= 56 ? 4 : 3;
      for (std::size_t i = 0; i < count; ++i) layout.masks[i] = in.u32(from + 4 * i);
      if (!inside) at += 12;
    }
  }
  if (layout.bits <= 8) {
    const std::size_t entry = core ? 3 : 4;
    if (colours == 0) colours = 1U << layout.bits;
    if (colours > 256) refuse(file, "a palette of length", colours);
    const auto* bgr = in.range(at, entry * colours);
    for (std::size_t i = 0; i < colours; ++i)
      for (std::size_t c = 0; c < 3; ++c) layout.palette.push_back(bgr[i * entry + 2 - c]);
    at += entry * colours;
  }
  layout.pixels = in.u32(10);
  if (layout.pixels == 0 || (layout.bits <= 8 && layout.pixels == kHeader + header_size))
    layout.pixels = at;
  return layout;
}

/// Which byte of a pixel holds red, green and blue.
std::array<std::size_t, 3> byte_order(const Encoded& file, const BmpLayout& layout) {
  if (layout.compression != kBitFields || layout.masks == Masks{}) return {2, 1, 0};
  constexpr Masks kKnown[] = {
      {0xFF0000, 0xFF00, 0xFF, 0x0},        {0xFF000000, 0xFF0000, 0xFF00, 0x0},
      {0xFF000000, 0xFF00, 0xFF, 0x0},      {0xFF000000, 0xFF0000, 0xFF00, 0xFF},
      {0xFF, 0xFF00, 0xFF0000, 0xFF000000}, {0xFF0000, 0xFF00, 0xFF, 0xFF000000},
      {0xFF000000, 0xFF00, 0xFF, 0xFF0000}};
  auto masks = layout.masks;
  if (layout.bits == 24) masks[3] = 0;
  if (std::find(std::begin(kKnown), std::end(kKnown), masks) == std::end(kKnown) ||
      (layout.bits == 24 && masks != kKnown[0]))
    throw DataError("{}: BMP: these bit fields are not supported", file.source);
  std::array<std::size_t, 3> order{};
  for (std::size_t c = 0; c < 3; ++c)
    while (masks[c] >> (8 * order[c]) != 0xFF) ++order[c];
  return order;
}

/// 16 bits a pixel: 5-5-5, or 5-6-5 where the masks say so.
void convert_16(const std::uint8_t* row, std::int64_t width, bool six, std::uint8_t* out) {
  for (std::int64_t x = 0; x < width; ++x, row += 2, out += 3) {
    const unsigned pixel = row[0] | static_cast<unsigned>(row[1]) << 8U;
    const unsigned green = six ? 63 : 31;
    out[0] = static_cast<std::uint8_t>((pixel >> (six ? 11U : 10U) & 31U) * 255 / 31);
    out[1] = static_cast<std::uint8_t>((pixel >> 5U & green) * 255 / green);
    out[2] = static_cast<std::uint8_t>((pixel & 31U) * 255 / 31);
  }
}

bool is_565(const Encoded& file, const BmpLayout& layout) {
  if (layout.compression != kBitFields) return false;
  const auto& m = layout.masks;
  if (m[0] == 0xF800 && m[1] == 0x7E0 && m[2] == 0x1F) return true;
  if (m[0] == 0x7C00 && m[1] == 0x3E0 && m[2] == 0x1F) return false;
  throw DataError("{}: BMP: these bit fields are not supported", file.source);
}

/// The colours of `indices`; those beyond the palette are black.
void apply_palette(const BmpLayout& layout, const std::uint8_t* indices, std::int64_t width,
                   std::uint8_t* out) {
  for (std::int64_t x = 0; x < width; ++x, out += 3) {
    const std::size_t at = std::size_t{3} * indices[x];
    for (std::size_t c = 0; c < 3; ++c)
      out[c] = at + c < layout.palette.size() ? layout.palette[at + c] : 0;
  }
}

/// The indices of a run-length coded image, bottom row first. Pillow's `BmpRleDecoder`.
std::vector<std::uint8_t> expand_runs(const Encoded& file, const BmpBytes& in,
                                      const BmpLayout& layout) {
  const bool four = layout.compression == kRle4;
  const auto width = static_cast<std::size_t>(file.width);
  const auto total = width * static_cast<std::size_t>(file.height);
  std::vector<std::uint8_t> data;
  data.reserve(total);
  std::size_t x = 0;
  auto at = layout.pixels;
  while (data.size() < total && in.has(at + 1)) {
    std::size_t count = in.u8(at);
    const auto value = in.u8(at + 1);
    at += 2;
    if (count != 0) {
      if (x + count > width) count = x < width ? width - x : 0;
      for (std::size_t i = 0; i < count; ++i)
        data.push_back(static_cast<std::uint8_t>(!four        ? value
                                                 : i % 2 == 0 ? value >> 4U
                                                              : value & 15U));
      x += count;
    } else if (value == 0) {  // end of row
      while (data.size() % width != 0) data.push_back(0);
      x = 0;
    } else if (value == 1) {  // end of image
      break;
    } else if (value == 2) {  // move right and up
      if (!in.has(at + 1)) break;
      const auto skip = in.u8(at) + in.u8(at + 1) * width;
      data.resize(std::min(total, data.size() + skip), 0);
      at += 2;
      x = data.size() % width;
    } else {  // that many pixels as they are
      const auto pixels = std::min<std::size_t>(total - data.size(), value);
      const auto* raw = in.range(at, four ? (pixels + 1) / 2 : pixels);
      for (std::size_t i = 0; i < pixels; ++i)
        data.push_back(!four        ? raw[i]
                       : i % 2 == 0 ? static_cast<std::uint8_t>(raw[i / 2] >> 4U)
                                    : static_cast<std::uint8_t>(raw[i / 2] & 15U));
      at += four ? (pixels + 1) / 2 : pixels;
      at += at % 2;
      x += value;
    }
  }
  if (data.size() < total)
    throw DataError("{}: BMP: the file ends before the image does", file.source);
  data.resize(total);
  return data;
}

void convert_row(const BmpLayout& layout, const std::uint8_t* row, std::int64_t width,
                 std::array<std::size_t, 3> order, bool six, std::uint8_t* out) {
  if (layout.bits <= 8) {
    std::vector<std::uint8_t> indices(static_cast<std::size_t>(width));
    const auto per_byte = 8 / layout.bits;
    for (std::size_t x = 0; x < indices.size(); ++x) {
      const auto shift = 8 - layout.bits - layout.bits * static_cast<std::uint32_t>(x % per_byte);
      indices[x] =
          static_cast<std::uint8_t>(row[x / per_byte] >> shift & ((1U << layout.bits) - 1));
    }
    apply_palette(layout, indices.data(), width, out);
  } else if (layout.bits == 16) {
    convert_16(row, width, six, out);
  } else {
    const std::size_t step = layout.bits / 8;
    for (std::int64_t x = 0; x < width; ++x, row += step, out += 3)
      for (std::size_t c = 0; c < 3; ++c) out[c] = row[order[c]];
  }
}

}  // namespace

Image decode_bmp(const Encoded& file) {
  const BmpBytes in(file);
  const auto layout = read_layout(file, in);
  const auto bits = layout.bits;
  if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32)
    refuse(file, "a pixel depth of", bits);
  if (layout.compression > kBitFields || (layout.compression == kBitFields && bits < 16))
    refuse(file, "compression", layout.compression);
  Image image(file.height, file.width, 3);
  const auto target = [&](std::int64_t y) {
    return image.row(layout.top_down ? y : file.height - 1 - y);
  };
  if (layout.compression == kRle8 || layout.compression == kRle4) {
    if (bits > 8) refuse(file, "run-length coding with a pixel depth of", bits);
    const auto indices = expand_runs(file, in, layout);
    for (std::int64_t y = 0; y < file.height; ++y)
      apply_palette(layout, indices.data() + y * file.width, file.width, target(y));
    return image;
  }
  const auto stride = ((static_cast<std::size_t>(file.width) * bits + 31) / 32) * 4;
  const auto used = (static_cast<std::size_t>(file.width) * bits + 7) / 8;
  const auto order = bits >= 24 ? byte_order(file, layout) : std::array<std::size_t, 3>{};
  const bool six = bits == 16 && is_565(file, layout);
  for (std::int64_t y = 0; y < file.height; ++y)
    convert_row(layout, in.range(layout.pixels + static_cast<std::size_t>(y) * stride, used),
                file.width, order, six, target(y));
  return image;
}

}  // namespace vit::data
