#include "model/load/weight.h"

#include <ATen/Functions.h>
#include <ATen/ops/from_blob.h>

namespace vit::model {

torch::Tensor to_torch(const state_dict::Tensor& tensor) {
  const auto options = at::dtype(to_scalar_type(tensor.dtype()));
  if (tensor.is_meta()) return at::empty(tensor.shape(), options.device(at::kMeta));
  if (tensor.numel() == 0) return at::empty(tensor.shape(), options);
  const auto& owner = tensor.memory();
  return at::from_blob(
      owner.get(), tensor.shape(), [owner = owner](void* /*memory*/) {}, options);
}

state_dict::Tensor from_torch(const torch::Tensor& tensor) {
  const auto dtype = to_dtype(tensor.scalar_type());
  auto shape = tensor.sizes().vec();
  if (tensor.is_meta()) return state_dict::Tensor::meta(dtype, std::move(shape));
  const auto plain = tensor.detach().cpu().contiguous();
  auto* bytes = static_cast<std::byte*>(plain.data_ptr());
  return state_dict::Tensor::over(dtype, std::move(shape),
                                  std::shared_ptr<std::byte>(bytes, [plain](std::byte*) {}));
}

}  // namespace vit::model
