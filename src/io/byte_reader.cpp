#include "byte_reader.h"

#include <algorithm>

#include "vit/core/error.h"

namespace vit::io {

void ByteReader::expect_left(std::uint64_t count) const {
  if (count > left())
    throw DataError("{}: expected {} bytes at offset {}, found {} before the end", where_, count,
                    at_, left());
}

void ByteReader::load(std::uint64_t count) {
  count = std::min(std::max(count, piece_), left());
  if (count > limit_ - loaded_)
    throw DataError("{}: expected at most {} bytes that are not tensors, found more at offset {}",
                    where_, limit_, at_);
  loaded_ += count;
  auto& piece = pieces_.emplace_back(count);
  range_.read(at_, piece);
  window_ = piece;
  window_at_ = at_;
}

Bytes ByteReader::take(std::uint64_t count) {
  expect_left(count);
  if (count > ahead().size()) load(count);
  const auto result = ahead().first(count);
  at_ += count;
  return result;
}

ByteRange ByteReader::take_range(std::uint64_t count) {
  expect_left(count);
  auto result = range_.part(at_, count);
  at_ += count;
  if (at_ - window_at_ > window_.size()) {
    window_ = {};
    window_at_ = at_;
  }
  return result;
}

std::string_view ByteReader::line() {
  auto end = as_text(ahead()).find('\n');
  if (end == std::string_view::npos && ahead().size() < std::min(left(), piece_)) {
    load(piece_);
    end = as_text(ahead()).find('\n');
  }
  if (end == std::string_view::npos)
    throw DataError("{}: expected a line at offset {}, found {}", where_, at_,
                    ahead().size() == left() ? "the end" : "none that ends soon");
  const auto result = as_text(ahead().first(end));
  at_ += end + 1;
  return result;
}

}  // namespace vit::io
