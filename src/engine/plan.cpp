#include "engine/plan.h"

#include <algorithm>

namespace vit::engine {

std::int64_t Plan::scratch() const {
  std::int64_t most = 0;
  for (const auto* steps : {&image_steps, &batch_steps})
    for (const auto& step : *steps) most = std::max(most, step->scratch(isa));
  return most;
}

std::int64_t Plan::size(const BufferSpec& buffer, std::int64_t batch) const {
  const auto rows = buffer.rows * (buffer.scope == Scope::kBatch ? batch : 1);
  if (buffer.packed) return kernels::packed_size(isa, rows, buffer.columns);
  // Epilogues fetch the rows of a whole tile ahead.
  return (rows + kernels::gemm_shape(isa).rows) * kernels::padded(buffer.columns);
}

}  // namespace vit::engine
