#include "container.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "vit/core/error.h"

namespace vit::data {
namespace {

/// A regular file whose bytes are read where they are asked for.
class VideoBytes {
 public:
  explicit VideoBytes(const std::filesystem::path& path) : name_(path.string()) {
    // O_NONBLOCK: a pipe that nobody writes to would block.
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) fail(std::strerror(errno));
    if (!S_ISREG(status.st_mode)) fail("no regular file");
    size_ = status.st_size;
  }
  ~VideoBytes() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  VideoBytes(const VideoBytes&) = delete;
  VideoBytes& operator=(const VideoBytes&) = delete;

  std::int64_t size() const { return size_; }
  /// 16 bytes from `at`; zeros beyond the end.
  std::array<std::uint8_t, 16> read(std::int64_t at) const {
    std::array<std::uint8_t, 16> bytes{};
    if (::pread(descriptor_, bytes.data(), bytes.size(), at) < 0) fail(std::strerror(errno));
    return bytes;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw IoError("{}: cannot be read: {}", name_, reason);
  }

  std::string name_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

std::uint64_t big_endian(const std::uint8_t* bytes, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8U | bytes[i];
  return value;
}

std::string_view text(const std::array<std::uint8_t, 16>& bytes, std::size_t begin) {
  return {reinterpret_cast<const char*>(bytes.data()) + begin, 4};
}

bool reaches_beyond(const VideoBytes& file, std::int64_t begin, std::uint64_t length) {
  return length > static_cast<std::uint64_t>(file.size() - begin);
}

/// `[size 32][type 32]`, or `[1][type][size 64]`; size 0: up to the end of file.
bool mp4_cut_short(const VideoBytes& file) {
  constexpr int kMaxBoxes = 1 << 20;  // fragments come in pairs of boxes
  std::int64_t at = 0;
  for (int boxes = 0; at < file.size() && boxes < kMaxBoxes; ++boxes) {
    const auto head = file.read(at);
    auto length = big_endian(head.data(), 4);
    if (length == 0) return false;
    const std::uint64_t head_bytes = length == 1 ? 16 : 8;
    if (length == 1) length = big_endian(head.data() + 8, 8);
    if (length < head_bytes) return false;  // not boxes: the demuxer says what it makes of them
    if (reaches_beyond(file, at, length)) return true;
    at += static_cast<std::int64_t>(length);
  }
  return false;
}

/// `RIFF`, the length of what follows (little endian), `AVI `. 0: never filled in.
bool avi_cut_short(const VideoBytes& file) {
  const auto head = file.read(0);
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
bool matroska_cut_short(const VideoBytes& file) {
  constexpr std::uint64_t kSegment = 0x18538067;
  const auto head = file.read(0);
  const auto header = variable_int(head.data() + 4);
  if (header.bytes == 0 || header.unknown || reaches_beyond(file, 0, header.value)) return false;
  const auto at = 4 + header.bytes + static_cast<std::int64_t>(header.value);
  const auto segment = file.read(at);
  const auto length = variable_int(segment.data() + 4);
  if (big_endian(segment.data(), 4) != kSegment || length.bytes == 0 || length.unknown)
    return false;
  return reaches_beyond(file, std::min(at + 4 + length.bytes, file.size()), length.value);
}

}  // namespace

Container check_container(const std::filesystem::path& path) {
  const VideoBytes file(path);
  const auto head = file.read(0);
  if (text(head, 0) == "RIFF" && text(head, 8) == "AVI ")
    return {Container::kAvi, avi_cut_short(file)};
  if (text(head, 0) == "\x1A\x45\xDF\xA3") return {Container::kMatroska, matroska_cut_short(file)};
  for (const std::string_view box : {"ftyp", "moov", "mdat", "wide", "free", "skip", "pnot"})
    if (text(head, 4) == box) return {Container::kMp4, mp4_cut_short(file)};
  throw DataError("{}: expected a video (AVI, MP4, MOV, Matroska, WebM), found {}", path.string(),
                  file.size() == 0 ? "an empty file" : "another kind of file");
}

}  // namespace vit::data
