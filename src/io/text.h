// How an error message may show text that comes from a file.
#pragma once

#include <string>
#include <string_view>

#include "vit/core/text.h"

namespace vit::io {

/// `'text'` for one line of a message: what cannot be printed is escaped, what is long is cut.
std::string in_quotes(std::string_view text);

}  // namespace vit::io
