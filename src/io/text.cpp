#include "text.h"

#include <algorithm>
#include <cstdint>

namespace vit::io {
namespace {

constexpr std::size_t kShown = 120;

/// Bytes of the UTF-8 sequence at the start of `text`; 0 where there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const bool bad = (first == 0xE0 && byte(1) < 0xA0) ||  // overlong
                   (first == 0xED && byte(1) > 0x9F) ||  // surrogates
                   (first == 0xF0 && byte(1) < 0x90) ||  // overlong
                   (first == 0xF4 && byte(1) > 0x8F);    // past U+10FFFF
  return bad ? 0 : length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string in_quotes(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string result = "'";
  while (!text.empty() && result.size() <= kShown) {
    const auto length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      result += "\\x";
      result += kHex[byte >> 4U];
      result += kHex[byte & 15U];
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result + (text.empty() ? "'" : "...'");
}

}  // namespace vit::io
