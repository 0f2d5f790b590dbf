// Reads forward through bytes that may end anywhere.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bytes.h"
#include "vit/io/byte_range.h"

namespace vit::io {

/// What it gives are views: of the bytes it was made for, or, where it reads a range, of memory
/// that it keeps.
class ByteReader {
 public:
  /// `where` opens the errors.
  ByteReader(Bytes bytes, std::string where)
      : window_(bytes), size_(bytes.size()), where_(std::move(where)) {}
  /// Reads `range` by pieces of at least `piece` bytes, at most `limit` bytes of it into memory.
  ByteReader(ByteRange range, std::size_t piece, std::size_t limit, std::string where)
      : range_(std::move(range)),
        size_(range_.size()),
        piece_(piece),
        limit_(limit),
        where_(std::move(where)) {}
  ByteReader(ByteReader&&) = default;
  ByteReader& operator=(ByteReader&&) = default;

  std::uint64_t offset() const { return at_; }
  std::uint64_t left() const { return size_ - at_; }
  const std::string& where() const { return where_; }

  /// The next `count` bytes. Throws DataError where there are fewer, or more than the limit allows.
  Bytes take(std::uint64_t count);
  /// The same as a range, of a reader that was made for one: nothing is read.
  ByteRange take_range(std::uint64_t count);
  /// The text up to the next newline, which is skipped. Throws DataError where there is none, of a
  /// range also where it is not within a piece.
  std::string_view line();
  template <class T>
  T le() {
    return load_le<T>(take(sizeof(T)).data());
  }
  template <class T>
  T be() {
    return load_be<T>(take(sizeof(T)).data());
  }

 private:
  void expect_left(std::uint64_t count) const;
  /// What of the window lies ahead.
  Bytes ahead() const { return window_.subspan(at_ - window_at_); }
  /// A window of at least `count` bytes, or all that are left, from here on.
  void load(std::uint64_t count);

  ByteRange range_;
  std::vector<std::vector<std::byte>> pieces_;  ///< of the range, which views may point into
  Bytes window_;
  std::uint64_t window_at_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t piece_ = 0;
  std::uint64_t limit_ = 0;
  std::uint64_t loaded_ = 0;  ///< bytes in `pieces_`
  std::string where_;
};

}  // namespace vit::io
