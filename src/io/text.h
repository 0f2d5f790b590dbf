// Text that comes from files: is it UTF-8, and how may an error message show it.
#pragma once

#include <string>
#include <string_view>

namespace vit::io {

/// Well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool is_utf8(std::string_view text);

/// `'text'` for one line of a message: what cannot be printed is escaped, what is long is cut.
std::string in_quotes(std::string_view text);

}  // namespace vit::io
