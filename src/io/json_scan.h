// Reading JSON within bounds: a scan that allocates nothing goes before the parser, which gives
// events.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "vit/io/byte_range.h"
#include "vit/io/json_text.h"

namespace vit::io {

/// Counts what text holds, a character at a time. Says nothing about its grammar.
class JsonScanner {
 public:
  /// `source` and `limits` must outlive it. Throws DataError where `size`, of the whole text, is
  /// past its limit.
  JsonScanner(std::uint64_t size, const std::string& source, const JsonLimits& limits);

  /// Throws DataError where the text up to `c` passes one of the limits.
  void push(char c);

 private:
  enum class Token { kNone, kBlanks, kString, kWord };

  void check(std::size_t value, std::size_t limit, const char* what, std::size_t at) const;
  void extend(Token token, std::size_t limit, const char* what);

  const std::string& source_;
  const JsonLimits& limits_;
  Token token_ = Token::kNone;
  bool escaped_ = false;
  std::size_t start_ = 0;  ///< of the token
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
};

/// Throws DataError where `text` passes one of the limits.
void scan_json(std::string_view text, const std::string& source, const JsonLimits& limits);

/// The characters of a range, read by pieces; each has gone past a scanner when the next is asked
/// for. What nlohmann's parser calls a pair of iterators.
class JsonCharacters {
 public:
  JsonCharacters(ByteRange text, const std::string& source, const JsonLimits& limits)
      : text_(std::move(text)), scanner_(text_.size(), source, limits) {
    fill();
  }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    explicit Iterator(JsonCharacters* of) : of_(of) {}
    reference operator*() const { return of_->piece_[of_->at_]; }
    Iterator& operator++() {
      of_->advance();
      return *this;
    }
    /// With the end only.
    bool operator==(const Iterator& other) const {
      return (of_ == nullptr || of_->piece_.empty()) ==
             (other.of_ == nullptr || other.of_->piece_.empty());
    }

   private:
    JsonCharacters* of_;
  };

  Iterator begin() { return Iterator(this); }
  static Iterator end() { return Iterator(nullptr); }

 private:
  void advance() {
    scanner_.push(piece_[at_]);
    if (++at_ == piece_.size()) fill();
  }
  /// The next piece; empty at the end.
  void fill();

  ByteRange text_;
  JsonScanner scanner_;
  std::uint64_t filled_ = 0;
  std::string piece_;
  std::size_t at_ = 0;
};

/// Throws DataError for what nlohmann's parser found at `position`.
[[noreturn]] void throw_not_json(const std::string& source, std::size_t position,
                                 const nlohmann::detail::exception& found);

}  // namespace vit::io
