// How precise LibTorch's products of float32 are, for the length of a scope.
#pragma once

#include <ATen/Context.h>

#include <string>

namespace vit::train {

/// `highest` or `high`, as torch.set_float32_matmul_precision has them.
class MatmulGuard {
 public:
  explicit MatmulGuard(const std::string& precision)
      : before_(at::globalContext().float32MatmulPrecision()) {
    at::globalContext().setFloat32MatmulPrecision(precision);
  }
  ~MatmulGuard() {
    using enum at::Float32MatmulPrecision;
    at::globalContext().setFloat32MatmulPrecision(before_ == HIGHEST ? "highest"
                                                  : before_ == HIGH  ? "high"
                                                                     : "medium");
  }
  MatmulGuard(const MatmulGuard&) = delete;
  MatmulGuard& operator=(const MatmulGuard&) = delete;

 private:
  at::Float32MatmulPrecision before_;
};

}  // namespace vit::train
