#include "vit/data/evaluate.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace vit::data {
namespace {

/// Adds the good samples' rows of `logits` to the metrics.
void add_good_rows(Evaluation& result, Array logits, const Batch& batch) {
  std::vector<std::int64_t> labels;
  std::vector<std::vector<std::int64_t>> sets;
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    if (batch.samples[i].error) continue;
    // To the front; no row moves over one that is still to come.
    const auto row = logits.row(static_cast<std::int64_t>(i));
    if (labels.size() != i)
      std::ranges::copy(row, logits.row(static_cast<std::int64_t>(labels.size())).begin());
    labels.push_back(batch.samples[i].label);
    sets.push_back(batch.samples[i].labels);
  }
  logits.keep_rows(std::ssize(labels));
  if (result.multi_label)
    result.multi_label->add(logits, sets);
  else
    result.metrics.add(logits, labels);
}

void run_to_end(Loader& loader, const Forward& forward, const EvaluateOptions& options,
                Evaluation& result) {
  auto& times = result.times;
  const Timed whole(times.total);
  while (true) {
    std::optional<Batch> batch;
    {
      const Timed waiting(times.wait);
      batch = loader.next();
    }
    if (!batch) break;
    if (!options.skip_errors) check_samples(*batch);
    std::int64_t failed = 0;
    for (const auto& sample : batch->samples) {
      times.load += sample.load_seconds;
      if (!sample.error) continue;
      if (!is_bad_sample(sample.error)) std::rethrow_exception(sample.error);
      ++failed;
      if (!result.error) result.error = sample.error;
    }
    result.failed += failed;
    if (failed < std::ssize(batch->samples)) {
      const Timed computing(times.model);
      auto logits = forward(std::move(batch->images));
      if (options.observe) options.observe(*batch, logits);
      add_good_rows(result, std::move(logits), *batch);
    }
    times.inputs += std::ssize(batch->samples);
    if (options.progress) options.progress(times.inputs);
  }
  result.stopped = loader.stopped();
}

}  // namespace

Evaluation evaluate(Loader& loader, const Forward& forward, const EvaluateOptions& options) {
  Evaluation result{Metrics(options.num_classes, options.confusion), 0, false, {}};
  if (options.multi_label) result.multi_label.emplace(options.num_classes);
  run_to_end(loader, forward, options, result);
  return result;
}

}  // namespace vit::data
