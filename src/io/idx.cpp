#include "vit/io/idx.h"

#include <algorithm>
#include <string>

#include "bytes.h"
#include "geometry.h"
#include "inflate.h"
#include "text.h"
#include "vit/core/error.h"
#include "vit/io/byte_range.h"

namespace vit::io {
namespace {

constexpr std::size_t kMaxIdxHeader = 16;
constexpr std::uint64_t kMaxInflated = std::uint64_t{4} << 30;
constexpr std::uint64_t kMaxDeflateRatio = 1032;  // of deflate

struct IdxHeader {
  std::vector<std::int64_t> shape;
  std::size_t size = 0;     ///< of the header
  std::uint64_t total = 0;  ///< of header and data
};

IdxHeader parse_header(Bytes start, const std::string& source) {
  const auto magic = as_text(start.first(std::min<std::size_t>(start.size(), 4)));
  const bool labels = magic == std::string_view("\0\0\x08\x01", 4);
  if (!labels && magic != std::string_view("\0\0\x08\x03", 4))
    throw DataError("{}: expected an IDX file (magic 00 00 08 01 or 00 00 08 03), found {}", source,
                    start.empty() ? "an empty file" : in_quotes(magic));
  IdxHeader header;
  const std::size_t rank = labels ? 1 : 3;
  header.size = 4 + 4 * rank;
  if (start.size() < header.size)
    throw DataError("{}: expected an IDX header of {} bytes, found {}", source, header.size,
                    start.size());
  for (std::size_t i = 0; i < rank; ++i)
    header.shape.push_back(load_be<std::uint32_t>(start.data() + 4 + 4 * i));
  const auto data = contiguous_bytes(DType::kU8, header.shape);
  if (!data || __builtin_add_overflow(*data, header.size, &header.total))
    throw DataError("{}: expected a shape whose size can be counted, found {}", source,
                    header.shape);
  return header;
}

void check_size(const IdxHeader& header, std::uint64_t found, const std::string& source) {
  if (found != header.total)
    throw DataError("{}: expected {} bytes for shape {}, found {}", source, header.total,
                    header.shape, found);
}

IdxArray read_gzip(const ByteRange& file, const std::string& source) {
  const auto header =
      parse_header(inflate_start(file, Wrapping::kGzip, kMaxIdxHeader, source), source);
  if (header.total > kMaxInflated || header.total / kMaxDeflateRatio > file.size())
    throw DataError("{}: expected shape {} to fit {} compressed bytes", source, header.shape,
                    file.size());
  // Once to know that all of it is there and its checksum right, and only then into memory.
  std::uint64_t found = 0;
  inflate(file, Wrapping::kGzip, header.total, source, [&](Bytes piece) {
    found += piece.size();
    return true;
  });
  check_size(header, found, source);
  IdxArray array{header.shape, {}};
  array.data.reserve(header.total - header.size);
  std::size_t skip = header.size;
  inflate(file, Wrapping::kGzip, header.total, source, [&](Bytes piece) {
    const auto skipped = std::min(skip, piece.size());
    skip -= skipped;
    const auto* data = reinterpret_cast<const std::uint8_t*>(piece.data());
    array.data.insert(array.data.end(), data + skipped, data + piece.size());
    return true;
  });
  return array;
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& path) {
  const auto file = open_bytes(path);
  const auto source = path.string();
  const auto start = file.read_start(kMaxIdxHeader);
  if (starts_with(start, "\x1f\x8b")) return read_gzip(file, source);
  const auto header = parse_header(start, source);
  check_size(header, file.size(), source);
  IdxArray array{header.shape, {}};
  array.data.resize(file.size() - header.size);
  file.read(header.size, std::as_writable_bytes(std::span(array.data)));
  return array;
}

}  // namespace vit::io
