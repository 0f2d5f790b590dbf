#include "inflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr std::size_t kInflatePiece = 1U << 16;

struct Stream {
  explicit Stream(Wrapping wrapping) {
    const int window = wrapping == Wrapping::kGzip ? 15 + 16 : -15;
    if (inflateInit2(&z, window) != Z_OK) throw std::bad_alloc();
  }
  ~Stream() { inflateEnd(&z); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  z_stream z{};
};

}  // namespace

void inflate(const ByteRange& compressed, Wrapping wrapping, std::uint64_t limit,
             const std::string& where, const std::function<bool(Bytes)>& take) {
  Stream stream(wrapping);
  auto& z = stream.z;
  const auto piece = std::make_unique<std::array<std::byte, kInflatePiece>>();
  const auto feed = std::make_unique<std::array<std::byte, kInflatePiece>>();
  std::uint64_t fed = 0;
  std::uint64_t total = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (z.avail_in == 0) {
      const auto count = std::min<std::uint64_t>(compressed.size() - fed, kInflatePiece);
      if (count == 0) throw DataError("{}: the compressed data is cut short", where);
      compressed.read(fed, std::span(*feed).first(count));
      fed += count;
      z.next_in = reinterpret_cast<Bytef*>(feed->data());
      z.avail_in = static_cast<uInt>(count);
    }
    z.next_out = reinterpret_cast<Bytef*>(piece->data());
    z.avail_out = kInflatePiece;
    status = ::inflate(&z, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
      throw DataError("{}: the compressed data is damaged: {}", where,
                      z.msg != nullptr ? z.msg : "it needs a dictionary");
    const auto made = kInflatePiece - z.avail_out;
    total += made;
    if (total > limit)
      throw DataError("{}: expected at most {} inflated bytes, found more", where, limit);
    if (made > 0 && !take(Bytes(piece->data(), made))) return;
  }
  if (const auto behind = z.avail_in + compressed.size() - fed; behind != 0)
    throw DataError("{}: expected nothing behind the compressed data, found {} bytes", where,
                    behind);
}

std::vector<std::byte> inflate_start(const ByteRange& compressed, Wrapping wrapping,
                                     std::size_t count, const std::string& where) {
  std::vector<std::byte> start;
  inflate(compressed, wrapping, UINT64_MAX, where, [&](Bytes piece) {
    const auto used = piece.first(std::min(piece.size(), count - start.size()));
    start.insert(start.end(), used.begin(), used.end());
    return start.size() < count;
  });
  return start;
}

}  // namespace vit::io
