#include "vit/infer/validate.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "vit/core/error.h"
#include "vit/core/text.h"

namespace vit::infer {
namespace {

namespace fs = std::filesystem;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

bool names_labels(const std::string& path) { return path.find("label") != std::string::npos; }

/// Whether there is such a folder with folders in it, and so no class folder itself.
bool holds_folders(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code ignored;
    if (entry.is_directory(ignored)) return true;
  }
  return false;
}

/// `folder`, or where it is a whole dataset's, the half of it that validates.
fs::path validation_half(const fs::path& folder, Log* log) {
  if (!holds_folders(folder / "train")) return folder;
  for (const auto* name : {"val", "validation"}) {
    auto half = folder / name;
    if (!holds_folders(half)) continue;
    if (log != nullptr) log->info("validates on {}, not on train/", printable(half.string()));
    return half;
  }
  return folder;
}

}  // namespace

ValidationData open_validation_data(const std::vector<std::string>& inputs, std::int64_t channels,
                                    Log* log) {
  if (inputs.size() == 1) {
    if (data::has_idx_files(inputs[0])) return {data::open_validation(inputs[0], channels), true};
    return {data::open_validation(validation_half(inputs[0], log), channels), false};
  }
  if (inputs.size() != 2)
    throw UsageError("validation: expected one folder or two IDX files, found {} inputs",
                     inputs.size());
  const bool swapped = names_labels(inputs[0]) && !names_labels(inputs[1]);
  return {data::open_idx(inputs[swapped ? 1 : 0], inputs[swapped ? 0 : 1], channels), true};
}

ValidateResult validate(const Predictor& predictor, Pipeline& pipeline,
                        const ValidateOptions& options) {
  ValidateResult result{data::Metrics(predictor.num_classes(), options.confusion), 0, false, {}};
  auto& profile = result.profile;
  const auto begin = std::chrono::steady_clock::now();
  while (true) {
    const auto waiting = std::chrono::steady_clock::now();
    auto batch = pipeline.next();
    profile.wait += seconds_since(waiting);
    if (!batch) break;
    std::vector<std::int64_t> rows, labels;  // of the inputs that are good
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
      auto logits = predictor.predict(batch->images);
      // To the front; no row moves over one that is still to come.
      for (std::size_t i = 0; i < rows.size(); ++i)
        std::ranges::copy(logits.row(rows[i]), logits.row(static_cast<std::int64_t>(i)).begin());
      logits.keep_rows(static_cast<std::int64_t>(rows.size()));
      result.metrics.add(logits, labels);
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
