// JSON from files that are not trusted: bounded before it is parsed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vit/core/json.h"

namespace vit::io {

struct JsonLimits {
  std::size_t size = 8U << 20;    ///< bytes of the whole text
  std::size_t depth = 64;         ///< open arrays and objects
  std::size_t string = 4U << 20;  ///< bytes of one string as written
  std::size_t values = 1U << 19;  ///< values and keys, counted by their separators
  std::size_t blanks = 1U << 20;  ///< blanks in a row
};

/// One JSON value and nothing behind it. Throws DataError, opened by `source`, where a limit is
/// passed, the text is not JSON or not UTF-8, or an object has a key twice.
Json parse_json_bounded(std::string_view text, const std::string& source,
                        const JsonLimits& limits = {});

}  // namespace vit::io
