// Products of matrices that stand row by row in memory, in one of the formats of the packed
// kernels.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "vit/kernels/gemm.h"

namespace vit::nn::own {

/// Memory that grows when it must and is kept.
class Floats {
 public:
  /// At least `count`, at a cache line; what was there before may be gone.
  float* of(std::int64_t count);

 private:
  struct Free {
    void operator()(float* memory) const;
  };
  std::unique_ptr<float, Free> memory_;
  std::int64_t size_ = 0;
};

/// A matrix in memory: row r begins at data[r · ld].
struct Matrix {
  const float* data = nullptr;
  std::int64_t ld = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

/// One thread's. Whatever is packed stays until the same operand is packed again.
class Products {
 public:
  Products(Isa isa, kernels::WeightFormat format) : isa_(isa), format_(format) {}

  Isa isa() const { return isa_; }
  kernels::WeightFormat format() const { return format_; }

  /// For who writes the left operand's rows themselves; `in` memory of their own, or in that of
  /// pack_left.
  kernels::PackedRows left(std::int64_t rows, std::int64_t k, Floats& in) const;
  kernels::PackedRows left(std::int64_t rows, std::int64_t k) { return left(rows, k, left_); }
  kernels::PackedRows pack_left(const Matrix& x);
  kernels::PackedRows pack_left_transposed(const Matrix& x);
  /// Both, the transposed one in memory of its own; the sums of x's columns are added to `sums`.
  std::array<kernels::PackedRows, 2> pack_left_both_ways(const Matrix& x, Floats& transposed,
                                                         float* sums);

  /// A right operand with k along x's rows (x as [n, k]) or along its columns (x as [k, n]).
  kernels::PackedWeight pack_right(const Matrix& x);
  kernels::PackedWeight pack_right_transposed(const Matrix& x);

  /// out = left · rightᵀ, or out += it.
  void multiply(const kernels::PackedRows& left, const kernels::PackedWeight& right, float* out,
                std::int64_t ld, bool add = false);
  void multiply(const kernels::PackedRows& left, const kernels::PackedWeight& right,
                const kernels::Epilogue& epilogue);

 private:
  kernels::PackedWeight describe_right(std::int64_t n, std::int64_t k);

  Isa isa_;
  kernels::WeightFormat format_;
  Floats left_, right_, scratch_;
  std::vector<const float*> row_pointers_;
};

}  // namespace vit::nn::own
