#include "vit/runtime/upload.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace vit::runtime {

Upload::Upload(c10::Device device) : device_(device) {
  if (!device.is_cuda()) return;
  const c10::impl::VirtualGuardImpl cuda(device.type());
  computes_ = cuda.getStream(device);
  copies_ = cuda.getStreamFromGlobalPool(device);
}

at::Tensor Upload::operator()(const at::Tensor& tensor, at::ScalarType dtype) const {
  if (!copies_) return tensor.to(device_, dtype);
  const c10::StreamGuard guard(*copies_);
  auto copy = tensor.to(device_).to(dtype);
  copies_->synchronize();
  // Its memory goes to nobody else before what computes with it is done.
  copy.record_stream(*computes_);
  return copy;
}

}  // namespace vit::runtime
