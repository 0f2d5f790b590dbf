#include "byte_reader.h"

#include "vit/core/error.h"

namespace vit::io {

Bytes ByteReader::take(std::uint64_t count) {
  if (count > left())
    throw DataError("{}: expected {} bytes at offset {}, found {} before the end", where_, count,
                    at_, left());
  const auto result = bytes_.subspan(at_, count);
  at_ += count;
  return result;
}

std::string_view ByteReader::line() {
  const auto rest = as_text(bytes_.subspan(at_));
  const auto end = rest.find('\n');
  if (end == std::string_view::npos)
    throw DataError("{}: expected a line at offset {}, found the end", where_, at_);
  at_ += end + 1;
  return rest.substr(0, end);
}

}  // namespace vit::io
