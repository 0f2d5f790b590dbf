// What pages of one file are written with: everything that they show is inside them.
#pragma once

#include <string>
#include <string_view>

namespace vit::report {

/// `text` with `& < > " '` as entities, and what is not UTF-8 replaced.
std::string html_escape(std::string_view text);

/// `data:<type>;base64,…`.
std::string data_uri(std::string_view type, std::string_view bytes);

}  // namespace vit::report
