#include "container.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "vit/core/error.h"
#include "vit/io/byte_range.h"

namespace vit::data {
namespace {

using Head = std::array<std::uint8_t, 16>;

/// 16 bytes from `at`; zeros beyond the end.
Head head_at(const io::ByteRange& file, std::uint64_t at) {
  Head head{};
  if (at < file.size()) {
    const auto there = std::min<std::uint64_t>(head.size(), file.size() - at);
    file.read(at, std::as_writable_bytes(std::span(head).first(there)));
  }
  return head;
}

std::uint64_t big_endian(const std::uint8_t* bytes, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8U | bytes[i];
  return value;
}

std::string_view text(const Head& bytes, std::size_t begin) {
  return {reinterpret_cast<const char*>(bytes.data()) + begin, 4};
}

bool reaches_beyond(const io::ByteRange& file, std::uint64_t begin, std::uint64_t length) {
  return length > file.size() - begin;
}

/// `[size 32][type 32]`, or `[1][type][size 64]`; size 0: up to the end of file.
bool mp4_cut_short(const io::ByteRange& file) {
  constexpr int kMaxBoxes = 1 << 20;  // fragments come in pairs of boxes
  std::uint64_t at = 0;
  for (int boxes = 0; at < file.size() && boxes < kMaxBoxes; ++boxes) {
    const auto head = head_at(file, at);
    auto length = big_endian(head.data(), 4);
    if (length == 0) return false;
    const std::uint64_t head_bytes = length == 1 ? 16 : 8;
    if (length == 1) length = big_endian(head.data() + 8, 8);
    if (length < head_bytes) return false;  // not boxes: the demuxer says what it makes of them
    if (reaches_beyond(file, at, length)) return true;
    at += length;
  }
  return false;
}

/// `RIFF`, the length of what follows (little endian), `AVI `. 0: never filled in.
bool avi_cut_short(const io::ByteRange& file) {
  const auto head = head_at(file, 0);
  const std::array<std::uint8_t, 4> reversed{head[7], head[6], head[5], head[4]};
  return reaches_beyond(file, 8, big_endian(reversed.data(), 4));
}

/// A number of Matroska's: the leading zeros say how many bytes it has.
struct VariableInt {
  int bytes = 0;  ///< 0: no number
  std::uint64_t value = 0;
  bool unknown = false;  ///< all ones: a length that nobody knew
};

VariableInt variable_int(const std::uint8_t* at) {
  int bytes = 1;
  while (bytes <= 8 && (*at & (0x80U >> (bytes - 1))) == 0) ++bytes;
  if (bytes > 8) return {};
  const auto mask = (std::uint64_t{1} << (7 * bytes)) - 1;
  const auto value = big_endian(at, bytes) & mask;
  return {bytes, value, value == mask};
}

/// The EBML header, then the segment, each `[id][length]`.
bool matroska_cut_short(const io::ByteRange& file) {
  constexpr std::uint64_t kSegment = 0x18538067;
  const auto head = head_at(file, 0);
  const auto header = variable_int(head.data() + 4);
  if (header.bytes == 0 || header.unknown || reaches_beyond(file, 0, header.value)) return false;
  const auto at = 4 + static_cast<std::uint64_t>(header.bytes) + header.value;
  const auto segment = head_at(file, at);
  const auto length = variable_int(segment.data() + 4);
  if (big_endian(segment.data(), 4) != kSegment || length.bytes == 0 || length.unknown)
    return false;
  const auto begin = at + 4 + static_cast<std::uint64_t>(length.bytes);
  return reaches_beyond(file, std::min(begin, file.size()), length.value);
}

}  // namespace

Container check_container(const std::filesystem::path& path) {
  const auto file = io::open_bytes(path);
  const auto head = head_at(file, 0);
  if (text(head, 0) == "RIFF" && text(head, 8) == "AVI ")
    return {Container::kAvi, avi_cut_short(file)};
  if (text(head, 0) == "\x1A\x45\xDF\xA3") return {Container::kMatroska, matroska_cut_short(file)};
  for (const std::string_view box : {"ftyp", "moov", "mdat", "wide", "free", "skip", "pnot"})
    if (text(head, 4) == box) return {Container::kMp4, mp4_cut_short(file)};
  throw DataError("{}: expected a video (AVI, MP4, MOV, Matroska, WebM), found {}", path.string(),
                  file.size() == 0 ? "an empty file" : "another kind of file");
}

}  // namespace vit::data
