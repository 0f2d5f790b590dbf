// JPEG: ITU T.81, Annex B.
#include "image_formats.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr int kStartOfImage = 0xD8;
constexpr int kEndOfImage = 0xD9;
constexpr int kStartOfScan = 0xDA;

/// SOF0 … SOF15 without the tables that share their range (DHT, JPG, DAC).
bool is_frame(int marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/// TEM and RST0 … RST7 stand alone, without a length.
bool stands_alone(int marker) { return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7); }

class Segments {
 public:
  Segments(Bytes bytes, const std::string& source) : bytes_(bytes), source_(source) {}

  /// The next marker; entropy-coded data, padding and restarts before it are skipped.
  int next() {
    while (at_ + 1 < bytes_.size()) {
      const int second = std::to_integer<int>(bytes_[at_ + 1]);
      if (bytes_[at_] == std::byte{0xFF} && second != 0 && second != 0xFF &&
          !stands_alone(second)) {
        at_ += 2;
        return second;
      }
      ++at_;
    }
    cut_short();
  }

  /// The contents of the segment whose marker was just read.
  Bytes contents() {
    const std::size_t length =
        bytes_.size() - at_ >= 2 ? load_be<std::uint16_t>(bytes_.data() + at_) : 0;
    if (length < 2 || length > bytes_.size() - at_) cut_short();
    const auto result = bytes_.subspan(at_ + 2, length - 2);
    at_ += length;
    return result;
  }

  [[noreturn]] void cut_short() const {
    throw DataError("{}: the JPEG ends early, after {} bytes", source_, bytes_.size());
  }

 private:
  Bytes bytes_;
  const std::string& source_;
  std::size_t at_ = 2;  // behind the start of the image
};

}  // namespace

ImageHeader parse_jpeg(Bytes bytes, const std::string& source) {
  Segments segments(bytes, source);
  ImageHeader header;
  bool frame = false;
  bool scan = false;
  for (int marker = segments.next(); marker != kEndOfImage; marker = segments.next()) {
    if (marker == kStartOfImage) throw DataError("{}: a JPEG inside a JPEG", source);
    const auto contents = segments.contents();
    scan = scan || marker == kStartOfScan;
    if (!is_frame(marker) || frame) continue;
    if (contents.size() < 6) throw DataError("{}: the JPEG's frame header is cut short", source);
    frame = true;
    header.height = load_be<std::uint16_t>(contents.data() + 1);
    header.width = load_be<std::uint16_t>(contents.data() + 3);
  }
  if (!frame || !scan) throw DataError("{}: a JPEG without an image", source);
  return header;
}

}  // namespace vit::io
