// Copies to a device while the device computes.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Stream.h>

#include <optional>

namespace vit::runtime {

/// Copies tensors to a device. On CUDA over a stream of its own: a thread that uploads the next
/// batch does not wait for what the device computes, nor the device for the copy. One for a run:
/// each takes a stream, and memory that other streams do not share.
class Upload {
 public:
  /// What is uploaded is then used on the stream that is current here.
  explicit Upload(c10::Device device);

  /// The tensor on the device, where it is ready to be used; itself where it is there already.
  at::Tensor operator()(const at::Tensor& tensor, at::ScalarType dtype) const;
  at::Tensor operator()(const at::Tensor& tensor) const {
    return (*this)(tensor, tensor.scalar_type());
  }

  /// Whether copies overlap what the device computes.
  bool overlaps() const { return copies_.has_value(); }

 private:
  c10::Device device_;
  std::optional<c10::Stream> computes_, copies_;
};

}  // namespace vit::runtime
