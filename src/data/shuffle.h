// One way to shuffle, by the library's own random numbers.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "vit/core/random.h"

namespace vit::data {

/// Fisher and Yates, from the end.
inline void shuffle(std::vector<std::int64_t>& numbers, Random& random) {
  for (auto i = numbers.size(); i > 1; --i) std::swap(numbers[i - 1], numbers[random.below(i)]);
}

}  // namespace vit::data
