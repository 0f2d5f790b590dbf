// Float values and their shape: the plain stand-in for a tensor.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace vit {

/// Row-major.
struct Array {
  std::vector<std::int64_t> shape;
  std::vector<float> data;

  Array() = default;
  explicit Array(const std::vector<std::int64_t>& sizes) { resize(sizes); }

  bool operator==(const Array&) const = default;

  std::int64_t size(std::size_t dimension) const { return shape[dimension]; }
  std::int64_t numel() const { return static_cast<std::int64_t>(data.size()); }

  /// `array[index]` of the first dimension.
  std::span<float> row(std::int64_t index) {
    return std::span(data).subspan(static_cast<std::size_t>(index) * row_size(), row_size());
  }
  std::span<const float> row(std::int64_t index) const {
    return std::span(data).subspan(static_cast<std::size_t>(index) * row_size(), row_size());
  }

  /// Gives it this shape; values are unspecified. Allocates only where it has never been as large.
  /// Throws IoError where there is not so much memory.
  void resize(std::initializer_list<std::int64_t> sizes) {
    shape.assign(sizes);
    allocate();
  }
  void resize(const std::vector<std::int64_t>& sizes) {
    shape = sizes;
    allocate();
  }
  /// Leaves out all but the first `rows` of the first dimension.
  void keep_rows(std::int64_t rows) {
    data.resize(static_cast<std::size_t>(rows) * row_size());
    shape[0] = rows;
  }
  void clear() {
    shape.clear();
    data.clear();
  }

 private:
  void allocate();
  std::size_t row_size() const {
    return shape[0] > 0 ? data.size() / static_cast<std::size_t>(shape[0]) : 0;
  }
};

}  // namespace vit
