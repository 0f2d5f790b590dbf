#include "vit/infer/calibrate.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>

#include "own_module.h"
#include "vit/core/error.h"
#include "vit/infer/pipeline.h"
#include "vit/infer/predictor.h"
#include "vit/nn/linear.h"

namespace vit::infer {
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
  explicit Listener(model::VisionTransformerImpl& model) {
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

  model::InputMoments result() const {
    model::InputMoments means;
    for (const auto& [name, moments] : seen_)
      if (moments.count > 0) means[name] = moments.sum / static_cast<double>(moments.count);
    return means;
  }

 private:
  std::map<std::string, Moments> seen_;
  std::vector<std::shared_ptr<nn::LinearImpl>> layers_;
};

}  // namespace

model::InputMoments collect_input_moments(const model::LoadedModel& model,
                                          const std::filesystem::path& folder,
                                          const CalibrateOptions& options) {
  PredictorOptions predictor_options;
  predictor_options.device = model.model->parameters().front().device();
  const Predictor predictor(model, predictor_options);  // its shapes and its transform
  // A module to listen to that nobody else has.
  const auto module = own_module(model.model.ptr(), predictor_options.device, at::kFloat);
  const Listener listener(*module);
  FileInputOptions inputs;
  inputs.shape = predictor.input_shape();
  inputs.transform = [&predictor]() -> const data::EvalTransform& { return predictor.transform(); };
  PipelineOptions pipeline_options;
  pipeline_options.shape = inputs.shape;
  pipeline_options.batch_size = options.batch_size;
  pipeline_options.workers = options.workers;
  Pipeline pipeline(open_inputs({folder.string()}, std::move(inputs)), pipeline_options);
  std::int64_t pictures = 0;
  while (const auto batch = pipeline.next()) {
    for (const auto& input : batch->inputs)
      if (input.error) std::rethrow_exception(input.error);
    const c10::InferenceMode guard;
    module->forward(batch->images.to(predictor_options.device));
    pictures += static_cast<std::int64_t>(batch->inputs.size());
  }
  if (pictures == 0) throw DataError("{}: expected pictures, found none", folder.string());
  return listener.result();
}

}  // namespace vit::infer
