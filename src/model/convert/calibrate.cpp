#include "vit/model/calibrate.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>

#include "model/engine/own_module.h"
#include "vit/core/error.h"
#include "vit/nn/linear.h"
#include "vit/torch.h"

namespace vit::model {
namespace {

/// Sums of squares of a layer's inputs.
struct Moments {
  at::Tensor sum;  ///< double [in]
  std::int64_t count = 0;

  void add(const at::Tensor& x) {
    const auto rows = x.detach().reshape({-1, x.size(-1)}).to(at::kDouble);  // [B * N, in]
    const auto squares = rows.square().sum(0).cpu();
    sum = sum.defined() ? sum + squares : squares;
    count += rows.size(0);
  }
};

/// Listens to every linear layer of a model for as long as it lives.
class Listener {
 public:
  explicit Listener(VisionTransformerImpl& model) {
    for (const auto& item : model.named_modules())
      if (auto linear = std::dynamic_pointer_cast<nn::LinearImpl>(item.value())) {
        auto& moments = seen_[item.key() + ".weight"];
        linear->on_input = [&moments](const at::Tensor& x) { moments.add(x); };
        layers_.push_back(std::move(linear));
      }
  }
  ~Listener() {
    for (const auto& layer : layers_) layer->on_input = nullptr;
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  InputMoments result() const {
    InputMoments means;
    for (const auto& [name, moments] : seen_)
      if (moments.count > 0) means[name] = moments.sum / static_cast<double>(moments.count);
    return means;
  }

 private:
  std::map<std::string, Moments> seen_;
  std::vector<std::shared_ptr<nn::LinearImpl>> layers_;
};

}  // namespace

InputMoments collect_input_moments(const LoadedModel& model, const NextBatch& next) {
  const auto device = model.model->parameters().front().device();
  // A module to listen to that nobody else has.
  const auto module = own_module(model.model.ptr(), device, at::kFloat);
  const Listener listener(*module);
  std::int64_t images = 0;
  while (auto batch = next()) {
    const c10::InferenceMode guard;
    images += batch->size(0);
    module->forward(to_tensor(std::move(*batch)).to(device));
  }
  if (images == 0) throw DataError("calibration: expected images, found none");
  return listener.result();
}

}  // namespace vit::model
