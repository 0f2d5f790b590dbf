// The AVX2 forms of the resize passes; call them only where the processor has AVX2.
#pragma once

#include "vit/kernels/resize.h"

namespace vit::kernels::avx2 {

void resize_horizontal(Rows in, std::int64_t rows, std::int64_t row_bytes, std::int64_t channels,
                       const ResizeAxis& axis, std::uint8_t* out);
void resize_vertical(Rows in, std::int64_t first_row, std::int64_t row_bytes,
                     const ResizeAxis& axis, std::uint8_t* out);

}  // namespace vit::kernels::avx2
