// Reads forward through bytes that may end anywhere.
#pragma once

#include <string>

#include "bytes.h"

namespace vit::io {

class ByteReader {
 public:
  /// `where` opens the errors.
  ByteReader(Bytes bytes, std::string where) : bytes_(bytes), where_(std::move(where)) {}

  std::size_t offset() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  const std::string& where() const { return where_; }

  /// The next `count` bytes. Throws DataError where there are fewer.
  Bytes take(std::uint64_t count);
  /// The text up to the next newline, which is skipped. Throws DataError where there is none.
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
  Bytes bytes_;
  std::string where_;
  std::size_t at_ = 0;
};

}  // namespace vit::io
