// LibTorch's tensors in and out (for programs that link vit::torch).
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "vit/core/array.h"

namespace vit {

/// The same memory, which the tensor now owns.
inline at::Tensor to_tensor(Array array) {
  const auto owner = std::make_shared<Array>(std::move(array));
  return at::from_blob(
      owner->data.data(), owner->shape, [owner](void* /*memory*/) {}, at::kFloat);
}

/// A copy: float32, on the CPU.
inline Array to_array(const at::Tensor& tensor) {
  const auto plain = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  Array array(plain.sizes().vec());
  std::copy_n(plain.const_data_ptr<float>(), array.numel(), array.data.data());
  return array;
}

}  // namespace vit
