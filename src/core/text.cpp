#include "vit/core/text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "vit/core/error.h"

namespace vit {
namespace {

constexpr std::size_t kEscapeLength = 4;  // \xHH

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool is_escape(std::string_view text) {
  return text.size() >= kEscapeLength && text[0] == '\\' && text[1] == 'x' &&
         hex_value(text[2]) >= 0 && hex_value(text[3]) >= 0;
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out += "\\x";
  out += kHex[byte >> 4U];
  out += kHex[byte & 15U];
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

/// What is not UTF-8 as escapes, and also: backslashes that begin an escape, or control characters.
enum class Also { kEscapes, kControls };

std::string escape(std::string_view text, Also also) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const bool special = also == Also::kEscapes ? is_escape(text) : is_control(text[0]);
    if (length == 0 || special) {
      append_escaped(out, text[0]);
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace

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

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view bytes) { return escape(bytes, Also::kEscapes); }

std::vector<std::string> printable(std::vector<std::string> names) {
  for (auto& name : names) name = printable(name);
  return names;
}

std::string from_printable(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    const bool escaped = is_escape(text);
    bytes += escaped ? static_cast<char>(hex_value(text[2]) * 16 + hex_value(text[3])) : text[0];
    text.remove_prefix(escaped ? kEscapeLength : 1);
  }
  return bytes;
}

std::string one_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  // Line ends inside a message (a library's own) are only spacing.
  std::string joined(text);
  std::replace(joined.begin(), joined.end(), '\n', ' ');
  return escape(joined, Also::kControls);
}

std::string bytes_text(double bytes) {
  static constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return format("{} bytes", bytes);
  std::size_t unit = 0;
  for (bytes /= 1024; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %s", bytes, kUnits[unit]);
  return text.data();
}

}  // namespace vit
