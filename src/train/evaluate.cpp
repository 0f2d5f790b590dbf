#include "vit/train/evaluate.h"

#include <ATen/core/grad_mode.h>

#include "mode_guard.h"
#include "vit/core/error.h"
#include "vit/torch.h"

namespace vit::train {

std::optional<data::Evaluation> evaluate(VisionTransformer& model,
                                         const std::shared_ptr<const data::Dataset>& data,
                                         const EvaluateOptions& options) {
  const auto& form = model->options;
  const data::EvalTransform transform(options.preprocessing, form.img_size(), form.in_c());
  data::LoaderOptions loading;
  loading.shape = {form.in_c(), form.img_size()[0], form.img_size()[1]};
  loading.batch_size = options.batch_size;
  loading.workers = options.workers;
  loading.stopping = options.stop;
  data::Loader loader(data::dataset_samples(
                          data, [&]() -> const auto& { return transform; }),
                      loading);

  const at::NoGradGuard no_grad;
  const auto dtype = model->parameters().front().scalar_type();
  const ModeGuard mode(*model, /*training=*/false);
  data::EvaluateOptions how;
  how.skip_errors = true;
  how.num_classes = form.num_classes();
  how.multi_label = data->is_multi_label();
  how.confusion = options.confusion && !how.multi_label;
  how.observe = options.observe;
  if (options.done) how.progress = [&](std::int64_t done) { options.done(done, data->size()); };
  auto result = data::evaluate(
      loader,
      [&](Array images) {
        const auto input = to_tensor(std::move(images)).to(options.device, dtype);
        return to_array(model->forward(input).logits.to(at::kFloat));
      },
      how);
  if (result.stopped) return std::nullopt;
  if (result.failed * 100 > data->size())
    throw DataError("{} of {} images to validate on are bad, more than 1 %, the first: {}",
                    result.failed, data->size(), error_message(result.error));
  return result;
}

}  // namespace vit::train
