// The two steps of reading JSON within bounds: a scan that allocates nothing, then events.
#pragma once

#include <string>
#include <string_view>

#include "vit/io/json_text.h"

namespace vit::io {

/// Throws DataError where `text` passes one of the limits. Says nothing about its grammar.
void scan_json(std::string_view text, const std::string& source, const JsonLimits& limits);

/// Throws DataError for what nlohmann's parser found at `position`.
[[noreturn]] void throw_not_json(const std::string& source, std::size_t position,
                                 const nlohmann::detail::exception& found);

}  // namespace vit::io
