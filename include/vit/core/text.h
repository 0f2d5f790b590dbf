// Text that may come from anywhere: is it UTF-8, and how is it shown where it is not.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vit {

/// Bytes of the UTF-8 character that `text` begins with; 0 where there is none. `text`: not empty.
std::size_t utf8_length(std::string_view text);

/// Well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool is_utf8(std::string_view text);

/// `bytes` (a path, a name) as UTF-8 that from_printable turns back: a byte that is not UTF-8
/// becomes `\xHH`, and so does a backslash that would read as such an escape. UTF-8 text without
/// such an escape in it stays as it is.
std::string printable(std::string_view bytes);

std::vector<std::string> printable(std::vector<std::string> names);

/// The bytes that `printable` was given.
std::string from_printable(std::string_view text);

/// `text` up to its first line end.
inline std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

/// A message as one line for people: line ends become spaces, other control characters and bytes
/// that are not UTF-8 become `\xHH`.
std::string one_line(std::string_view text);

/// `36.75 GiB`; below 1 KiB `12 bytes`.
std::string bytes_text(double bytes);

}  // namespace vit
