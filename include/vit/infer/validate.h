// A model measured on a data set.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vit/core/json.h"
#include "vit/core/log.h"
#include "vit/data/dataset.h"
#include "vit/data/metrics.h"
#include "vit/infer/answer.h"
#include "vit/infer/pipeline.h"
#include "vit/infer/predictor.h"

namespace vit::infer {

struct ValidationData {
  std::shared_ptr<const data::Dataset> dataset;
  bool by_index = false;  ///< its classes are numbers (IDX)
};

/// What `--validate` is given: a folder of class folders or of IDX files, or an IDX images file and
/// its labels file. Of a folder with both `train/` and `val/` (or `validation/`) the latter, which
/// `log` hears. Throws DataError, IoError, UsageError on another count.
ValidationData open_validation_data(const std::vector<std::string>& inputs, std::int64_t channels,
                                    Log* log = nullptr);

struct ValidateOptions {
  bool confusion = false;
  bool skip_errors = false;
  std::function<bool()> stopping;
  std::function<void(std::int64_t)> progress;
};

struct ValidateResult {
  data::Metrics metrics;
  std::int64_t failed = 0;  ///< images left out
  bool stopped = false;
  Profile profile;
};

/// Runs the pipeline, whose inputs have labels of the model, to its end. Throws the first bad
/// image's error unless `skip_errors`.
ValidateResult validate(const Predictor& predictor, Pipeline& pipeline,
                        const ValidateOptions& options);

/// `images`, `top1`, `top5` (percent), `loss`, `per_class` (those that have images).
Json validation_json(const ValidateResult& result, const std::vector<std::string>& labels);
std::string validation_text(const ValidateResult& result, const std::vector<std::string>& labels);
/// CSV: a row a true class, a column a predicted one.
std::string confusion_csv(const data::Metrics& metrics, const std::vector<std::string>& labels);

}  // namespace vit::infer
