#include "json_scan.h"

#include <algorithm>

#include "vit/core/error.h"

namespace vit::io {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

constexpr std::size_t kMaxWord = 1024;  // a number or true, false, null

}  // namespace

JsonScanner::JsonScanner(std::uint64_t size, const std::string& source, const JsonLimits& limits)
    : source_(source), limits_(limits) {
  check(size, limits.size, "bytes", limits.size);
}

void JsonScanner::check(std::size_t value, std::size_t limit, const char* what,
                        std::size_t at) const {
  if (value > limit)
    throw DataError("{}: expected at most {} {} in JSON, found more at byte {}", source_, limit,
                    what, at);
}

void JsonScanner::extend(Token token, std::size_t limit, const char* what) {
  if (token_ != token) start_ = at_;
  token_ = token;
  check(at_ - start_ + 1, limit, what, start_);
}

void JsonScanner::push(char c) {
  if (token_ == Token::kString) {
    extend(Token::kString, limits_.string, "bytes of a string");
    if (c == '"' && !escaped_) token_ = Token::kNone;
    escaped_ = c == '\\' && !escaped_;
  } else if (is_blank(c)) {
    extend(Token::kBlanks, limits_.blanks, "blanks in a row");
  } else if (c == '"') {
    extend(Token::kString, limits_.string, "bytes of a string");
  } else if (std::string_view("[]{},:").find(c) == std::string_view::npos) {
    extend(Token::kWord, kMaxWord, "characters of a number");
  } else {
    token_ = Token::kNone;
    if (c == '[' || c == '{') check(++depth_, limits_.depth, "levels", at_);
    if (c == ']' || c == '}')
      depth_ -= depth_ > 0 ? 1 : 0;  // a closing too many is the parser's to refuse
    else
      check(++values_, limits_.values, "values", at_);
  }
  ++at_;
}

void scan_json(std::string_view text, const std::string& source, const JsonLimits& limits) {
  JsonScanner scanner(text.size(), source, limits);
  for (const char c : text) scanner.push(c);
}

void JsonCharacters::fill() {
  constexpr std::uint64_t kPiece = 1U << 16;
  piece_.resize(std::min(kPiece, text_.size() - filled_));
  text_.read(filled_, std::as_writable_bytes(std::span(piece_)));
  filled_ += piece_.size();
  at_ = 0;
}

void throw_not_json(const std::string& source, std::size_t position,
                    const nlohmann::detail::exception& found) {
  std::string_view why = found.what();
  // Of "[json...] parse error at line 1, column 2: syntax error while ...; last read: '...'" the
  // middle is for people; what was last read may be megabytes, or not UTF-8.
  if (const auto start = why.find(": "); start != std::string_view::npos)
    why.remove_prefix(start + 2);
  why = why.substr(0, why.find("; last read"));
  why = why.substr(0, why.find(" - last read"));
  throw DataError("{}: expected JSON, found at byte {}: {}", source, position, why.substr(0, 200));
}

}  // namespace vit::io
