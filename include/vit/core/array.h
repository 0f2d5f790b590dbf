// Float values and their shape: the plain stand-in for a tensor.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <numeric>
#include <vector>

namespace vit {

/// Row-major.
struct Array {
  std::vector<std::int64_t> shape;
  std::vector<float> data;

  /// Gives it this shape; values are unspecified. Allocates only where it has never been as large.
  void resize(std::initializer_list<std::int64_t> sizes) {
    shape.assign(sizes);
    data.resize(static_cast<std::size_t>(
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>())));
  }
  void clear() {
    shape.clear();
    data.clear();
  }
};

}  // namespace vit
