// A model measured on a data set.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vit/core/json.h"
#include "vit/core/log.h"
#include "vit/data/dataset.h"
#include "vit/infer/answer.h"
#include "vit/infer/pipeline.h"
#include "vit/infer/predictor.h"
#include "vit/model/metrics.h"

namespace vit::infer {

/// The data set that `--validate` names: a folder of class folders or of IDX files, or an IDX
/// images file and its labels file. Throws DataError, IoError, UsageError on another count.
std::shared_ptr<const data::Dataset> open_validation_data(const std::vector<std::string>& inputs,
                                                          std::int64_t channels);

/// The model's class of each of the data set's: by the model's labels where they name all of them,
/// by number where the names are 0, 1, … (IDX), else by order where the counts agree, which is
/// said. Throws DataError naming a class that the model does not have, UsageError where the model
/// has no classes.
std::vector<std::int64_t> map_classes(const std::vector<std::string>& classes,
                                      const ModelConfig& config, Log* log);

struct ValidateOptions {
  bool confusion = false;
  bool skip_errors = false;
  std::function<bool()> stopping;
  std::function<void(std::int64_t)> progress;
};

struct ValidateResult {
  model::Metrics metrics;
  std::int64_t failed = 0;  ///< pictures left out
  bool stopped = false;
  Profile profile;
};

/// Runs the pipeline, whose inputs have labels of the model, to its end. Throws the first bad
/// picture's error unless `skip_errors`.
ValidateResult validate(const Predictor& predictor, Pipeline& pipeline,
                        const ValidateOptions& options);

/// `images`, `top1`, `top5` (percent), `loss`, `per_class` (those that have images).
Json validation_json(const ValidateResult& result, const std::vector<std::string>& labels);
std::string validation_text(const ValidateResult& result, const std::vector<std::string>& labels);
/// CSV: a row a true class, a column a predicted one.
std::string confusion_csv(const model::Metrics& metrics, const std::vector<std::string>& labels);

}  // namespace vit::infer
