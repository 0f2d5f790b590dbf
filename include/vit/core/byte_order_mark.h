// What some editors put before UTF-8 text.
#pragma once

#include <string_view>

namespace vit {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace vit
