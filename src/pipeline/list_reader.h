// A list of paths on a descriptor, as `find` and editors write them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace vit::pipeline {

struct ListOptions {
  int descriptor = 0;
  bool null_separated = false;      ///< as `find -print0` writes them
  std::function<bool()> cancelled;  ///< asked while there is nothing to read
};

/// Names of a list, read as they come. Lines may end in CR LF and the first may begin with a UTF-8
/// byte order mark; empty ones are left out. With `null_separated` a name is every byte up to the
/// next NUL.
class ListReader {
 public:
  explicit ListReader(ListOptions options) : options_(std::move(options)) {}
  /// The next name; none at the end or when cancelled. Throws IoError where the list cannot be
  /// read (a folder), DataError where it is none (longer than any path, NUL in it).
  std::optional<std::string> next();

 private:
  std::optional<std::string> next_piece();
  bool fill();
  void check(const std::string& name) const;

  ListOptions options_;
  std::string buffer_;
  std::size_t position_ = 0;
  std::size_t searched_ = 0;  // no separator before it
  bool begun_ = false;        // a piece was handed out
  bool end_ = false;
};

}  // namespace vit::pipeline
