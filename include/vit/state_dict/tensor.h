// A tensor on its way from a file to a model, without LibTorch: a type, a shape and contiguous
// bytes, or a shape alone, which takes the same steps and shows where they lead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "vit/io/tensor_table.h"

namespace vit::state_dict {

using Shape = std::vector<std::int64_t>;

/// Functions on values are named as LibTorch's are and give new tensors; reshape, flatten and
/// unsqueeze share the memory. All throw DataError where the shape does not allow them.
class Tensor {
 public:
  Tensor() = default;
  /// Values not set.
  Tensor(io::DType dtype, Shape shape);
  /// No values at all.
  static Tensor meta(io::DType dtype, Shape shape);
  static Tensor zeros(io::DType dtype, Shape shape);
  /// Over memory that `owner` keeps.
  static Tensor over(io::DType dtype, Shape shape, std::shared_ptr<std::byte> memory);

  io::DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t dim() const { return static_cast<std::int64_t>(shape_.size()); }
  std::int64_t size(std::int64_t dimension) const;
  std::int64_t numel() const;
  bool is_meta() const { return meta_; }
  bool is_floating_point() const { return io::is_floating_point(dtype_); }

  std::span<const std::byte> bytes() const { return {memory_.get(), byte_count()}; }
  std::span<std::byte> mutable_bytes() { return {memory_.get(), byte_count()}; }
  const std::shared_ptr<std::byte>& memory() const { return memory_; }
  /// As float32, whatever the type.
  std::vector<float> floats() const;
  /// The same as a tensor; of float32 this one's memory.
  Tensor float32() const;

  /// At most one size may be -1.
  Tensor reshape(Shape shape) const;
  /// Dimensions from `first` on become one.
  Tensor flatten(std::int64_t first = 0) const;
  Tensor unsqueeze(std::int64_t dimension) const;
  Tensor permute(const std::vector<std::size_t>& order) const;
  /// Of two dimensions.
  Tensor t() const;
  /// Indices `begin` … `end` - 1 of a dimension; `end` -1: all that follow.
  Tensor slice(std::int64_t dimension, std::int64_t begin, std::int64_t end = -1) const;
  Tensor select(std::int64_t dimension, std::int64_t index) const;

 private:
  std::size_t byte_count() const;
  Tensor like(Shape shape) const;

  io::DType dtype_ = io::DType::kF32;
  Shape shape_;
  bool meta_ = false;
  std::shared_ptr<std::byte> memory_;
};

/// One behind the other, along the first dimension. Of one type.
Tensor cat(const std::vector<Tensor>& tensors);

/// a + b, of a's shape and type; b has as many elements.
Tensor add(const Tensor& a, const Tensor& b);

/// values: int8 [out, in], scale: [out] → float32 [out, in].
Tensor dequantize(const Tensor& values, const Tensor& scale);

/// The entry's values, read into memory of their own. Throws IoError where the file no longer has
/// them.
Tensor read(const io::TensorEntry& entry);

}  // namespace vit::state_dict
