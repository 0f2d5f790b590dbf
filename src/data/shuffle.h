// One way to shuffle, by the library's own random numbers.
#pragma once

#include <utility>

#include "vit/core/random.h"

namespace vit::data {

/// Fisher and Yates, from the end. `numbers`: a vector or an array.
template <class Numbers>
void shuffle(Numbers& numbers, Random& random) {
  for (auto i = numbers.size(); i > 1; --i)
    std::swap(numbers.at(i - 1), numbers.at(random.below(i)));
}

}  // namespace vit::data
