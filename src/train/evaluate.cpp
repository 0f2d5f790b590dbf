#include "vit/train/evaluate.h"

#include <ATen/core/grad_mode.h>

#include "mode_guard.h"
#include "vit/data/eval_transform.h"
#include "vit/data/loader.h"
#include "vit/torch.h"

namespace vit::train {

std::optional<data::Metrics> evaluate(VisionTransformer& model,
                                      const std::shared_ptr<const data::Dataset>& data,
                                      const EvaluateOptions& options) {
  const at::NoGradGuard no_grad;
  const auto& form = model->options;
  const data::EvalTransform transform(options.preprocessing, form.img_size(), form.in_c());
  data::LoaderOptions loading;
  loading.batch_size = options.batch_size;
  loading.channels = form.in_c();
  loading.size = form.img_size();
  loading.workers = options.workers;
  data::Loader loader(
      data, [&](const data::Image& image, Random&, std::span<float> chw) { transform(image, chw); },
      data::in_order(data->size()), loading);

  const ModeGuard mode(*model, /*training=*/false);
  data::Metrics metrics(form.num_classes());
  bool stopped = false;
  while (auto batch = loader.next()) {
    const auto output = model->forward(to_tensor(std::move(batch->images)).to(options.device));
    metrics.add(to_array(output.logits), batch->labels);
    if (options.done) options.done(metrics.images(), data->size());
    stopped = options.stop && options.stop();
    if (stopped) break;
  }
  if (stopped) return std::nullopt;
  return metrics;
}

}  // namespace vit::train
