// What std::ranges::contains (C++23) does.
#pragma once

#include <algorithm>
#include <ranges>

namespace vit {

template <std::ranges::input_range Range, class T>
bool contains(const Range& range, const T& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

}  // namespace vit
