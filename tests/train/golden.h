// What tests/golden/make_train.py wrote.
#pragma once

#include <ATen/ATen.h>

#include "support/support.h"
#include "vit/core/file.h"
#include "vit/core/json.h"

namespace vit::testing {

inline const Json& read_golden() {
  static const Json golden = Json::parse(read_file(golden_path("train/train.json")));
  return golden;
}

/// float64, of the golden file's shape.
inline at::Tensor golden_tensor(const Json& entry) {
  const auto shape = entry["shape"].get<std::vector<std::int64_t>>();
  return at::tensor(entry["data"].get<std::vector<double>>(), at::kDouble).reshape(shape);
}

/// Rounding of float64 in another order of the same few operations: some ulp of values near 1.
inline constexpr double kDoubleTolerance = 1e-12;

inline bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && at::allclose(a, b, kDoubleTolerance, kDoubleTolerance);
}

}  // namespace vit::testing
