#include "vit/infer/validate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "vit/core/error.h"

namespace vit::infer {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

bool are_numbers(const std::vector<std::string>& classes) {
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (classes[i] != std::to_string(i)) return false;
  return true;
}

bool names_labels(const std::string& path) { return path.find("label") != std::string::npos; }

}  // namespace

std::shared_ptr<const data::Dataset> open_validation_data(const std::vector<std::string>& inputs,
                                                          std::int64_t channels) {
  if (inputs.size() == 1) return data::open_validation(inputs[0], channels);
  if (inputs.size() != 2)
    throw UsageError("--validate: expected one folder or two IDX files, found {} inputs",
                     inputs.size());
  const bool swapped = names_labels(inputs[0]) && !names_labels(inputs[1]);
  return data::open_idx(inputs[swapped ? 1 : 0], inputs[swapped ? 0 : 1], channels);
}

std::vector<std::int64_t> map_classes(const std::vector<std::string>& classes,
                                      const ModelConfig& config, Log* log) {
  const auto num_classes = config.model.num_classes();
  if (num_classes == 0)
    throw UsageError("--validate: the model has no head (num_classes 0), so no classes");
  std::unordered_map<std::string, std::int64_t> known;
  for (std::size_t i = 0; i < config.labels.size(); ++i)
    known.emplace(config.labels[i], static_cast<std::int64_t>(i));
  std::vector<std::int64_t> by_label;
  for (const auto& name : classes)
    if (const auto it = known.find(name); it != known.end()) by_label.push_back(it->second);
  if (by_label.size() == classes.size()) return by_label;

  const auto count = static_cast<std::int64_t>(classes.size());
  if (!are_numbers(classes) && log != nullptr && count == num_classes)
    log->warning("the classes are matched by their order: the model's labels do not name them");
  if (count == num_classes || (are_numbers(classes) && count < num_classes)) {
    std::vector<std::int64_t> by_order;
    for (std::int64_t i = 0; i < count; ++i) by_order.push_back(i);
    return by_order;
  }
  const auto missing = std::find_if(classes.begin(), classes.end(),
                                    [&](const std::string& name) { return !known.contains(name); });
  throw DataError(
      "class '{}': expected a label of the model, or as many classes as the model's {}, found {} "
      "classes",
      *missing, num_classes, count);
}

ValidateResult validate(const Predictor& predictor, Pipeline& pipeline,
                        const ValidateOptions& options) {
  ValidateResult result{model::Metrics(predictor.num_classes(), options.confusion), 0, false, {}};
  auto& profile = result.profile;
  const auto begin = std::chrono::steady_clock::now();
  while (true) {
    const auto waiting = std::chrono::steady_clock::now();
    auto batch = pipeline.next();
    profile.wait += seconds_since(waiting);
    if (!batch) break;
    std::vector<std::int64_t> rows, labels;
    for (std::size_t i = 0; i < batch->inputs.size(); ++i) {
      const auto& input = batch->inputs[i];
      profile.load += input.load_seconds;
      if (input.error && !options.skip_errors) std::rethrow_exception(input.error);
      if (input.error) {
        ++result.failed;
        continue;
      }
      rows.push_back(static_cast<std::int64_t>(i));
      labels.push_back(input.label);
    }
    const auto thinking = std::chrono::steady_clock::now();
    if (!rows.empty()) {
      const auto logits = predictor.predict(batch->images);
      result.metrics.add(logits.index_select(0, at::tensor(rows, at::kLong)),
                         at::tensor(labels, at::kLong));
    }
    profile.model += seconds_since(thinking);
    profile.inputs += static_cast<std::int64_t>(batch->inputs.size());
    if (options.progress) options.progress(profile.inputs);
  }
  profile.total = seconds_since(begin);
  result.stopped = options.stopping && options.stopping();
  return result;
}

}  // namespace vit::infer
