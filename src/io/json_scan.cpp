#include "json_scan.h"

#include "vit/core/error.h"

namespace vit::io {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Where a run of blanks, a string or a word that starts at `start` ends.
std::size_t token_end(std::string_view text, std::size_t start) {
  std::size_t end = start;
  if (is_blank(text[start])) {
    while (end < text.size() && is_blank(text[end])) ++end;
    return end;
  }
  if (text[start] == '"') {
    for (++end; end < text.size() && text[end] != '"'; ++end)
      if (text[end] == '\\') ++end;
    return std::min(end + 1, text.size());
  }
  while (end < text.size() && !is_blank(text[end]) &&
         std::string_view("\"[]{},:").find(text[end]) == std::string_view::npos)
    ++end;
  return end;
}

constexpr std::size_t kMaxWord = 1024;  // a number or true, false, null

}  // namespace

void scan_json(std::string_view text, const std::string& source, const JsonLimits& limits) {
  const auto check = [&](std::size_t value, std::size_t limit, const char* what, std::size_t at) {
    if (value > limit)
      throw DataError("{}: expected at most {} {} in JSON, found more at byte {}", source, limit,
                      what, at);
  };
  check(text.size(), limits.size, "bytes", limits.size);
  std::size_t depth = 0;
  std::size_t values = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '[' || c == '{') {
      check(++depth, limits.depth, "levels", at);
      check(++values, limits.values, "values", at++);
    } else if (c == ']' || c == '}') {
      depth -= depth > 0 ? 1 : 0;  // a closing too many is the parser's to refuse
      ++at;
    } else if (c == ',' || c == ':') {
      check(++values, limits.values, "values", at++);
    } else {
      const auto end = token_end(text, at);
      const auto size = end - at;
      if (c == '"')
        check(size, limits.string, "bytes of a string", at);
      else if (is_blank(c))
        check(size, limits.blanks, "blanks in a row", at);
      else
        check(size, kMaxWord, "characters of a number", at);
      at = end;
    }
  }
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
