#include "products.h"

#include <cstdlib>
#include <new>

namespace vit::nn::own {

void Floats::Free::operator()(float* memory) const { std::free(memory); }

float* Floats::of(std::int64_t count) {
  if (count > size_) {
    constexpr std::size_t kLine = 64;
    // Beyond the end whole lines may be read.
    const auto bytes = (static_cast<std::size_t>(count) * sizeof(float) / kLine + 2) * kLine;
    auto* memory = static_cast<float*>(std::aligned_alloc(kLine, bytes));
    if (memory == nullptr) throw std::bad_alloc();
    memory_.reset(memory);
    size_ = count;
  }
  return memory_.get();
}

kernels::PackedRows Products::left(std::int64_t rows, std::int64_t k, Floats& in) const {
  const auto format = kernels::row_format(isa_, format_);
  auto* data = in.of(kernels::packed_size(isa_, rows, k, format));
  return kernels::packed_rows(isa_, data, rows, k, format);
}

kernels::PackedRows Products::pack_left(const Matrix& x) {
  auto packed = left(x.rows, x.columns);
  kernels::pack_rows(isa_, x.data, x.ld, packed, 0, packed.tiles);
  return packed;
}

kernels::PackedRows Products::pack_left_transposed(const Matrix& x) {
  auto packed = left(x.columns, x.rows, left_);
  kernels::pack_rows_transposed(isa_, x.data, x.ld, x.rows, packed);
  return packed;
}

std::array<kernels::PackedRows, 2> Products::pack_left_both_ways(const Matrix& x,
                                                                 Floats& transposed, float* sums) {
  const std::array packed{left(x.rows, x.columns), left(x.columns, x.rows, transposed)};
  kernels::pack_rows_both_ways(isa_, x.data, x.ld, packed[0], packed[1], sums);
  return packed;
}

kernels::PackedWeight Products::describe_right(std::int64_t n, std::int64_t k) {
  auto weight = kernels::packed_weight(isa_, n, k, /*gated=*/false, format_);
  weight.data = right_.of(kernels::packed_size(isa_, weight));
  return weight;
}

kernels::PackedWeight Products::pack_right(const Matrix& x) {
  const auto weight = describe_right(x.rows, x.columns);
  row_pointers_.resize(static_cast<std::size_t>(x.rows));
  for (std::int64_t r = 0; r < x.rows; ++r)
    row_pointers_[static_cast<std::size_t>(r)] = x.data + r * x.ld;
  kernels::pack_weight(isa_, weight, x.columns, 0, x.rows, row_pointers_.data(), right_.of(0));
  return weight;
}

kernels::PackedWeight Products::pack_right_transposed(const Matrix& x) {
  const auto weight = describe_right(x.columns, x.rows);
  kernels::pack_weight_transposed(isa_, weight, x.data, x.ld, x.rows, 0, weight.panels,
                                  right_.of(0));
  return weight;
}

void Products::multiply(const kernels::PackedRows& left, const kernels::PackedWeight& right,
                        float* out, std::int64_t ld, bool add) {
  kernels::Epilogue epilogue;
  epilogue.rows = out;
  epilogue.ld = ld;
  epilogue.addend = add ? out : nullptr;
  epilogue.addend_ld = ld;
  epilogue.accumulate = add;
  multiply(left, right, epilogue);
}

void Products::multiply(const kernels::PackedRows& left, const kernels::PackedWeight& right,
                        const kernels::Epilogue& epilogue) {
  kernels::GemmCall call;
  call.a = left;
  call.weight = right;
  call.epilogue = epilogue;
  call.panel_end = right.panels;
  call.scratch = scratch_.of(kernels::gemm_scratch(isa_, right));
  kernels::gemm(isa_, call);
}

}  // namespace vit::nn::own
