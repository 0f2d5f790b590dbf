// What a model is validated on, and what is said of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "vit/core/json.h"
#include "vit/core/log.h"
#include "vit/data/dataset.h"
#include "vit/data/evaluate.h"
#include "vit/data/metrics.h"

namespace vit::pipeline {

struct ValidationData {
  std::shared_ptr<const data::Dataset> dataset;
  bool by_index = false;   ///< its classes are numbers (IDX, shards)
  bool by_images = false;  ///< the class map says which image is of which class
};

/// What `--validate` is given: a folder of class folders, of tar shards, archives or IDX files, an
/// archive of images, or an IDX images file and its labels file. Of a folder with both `train/` and
/// `val/` (or `validation/`) the latter, which `log` hears. Of `class_map` only one of images (see
/// data::read_file_classes) is used. Throws DataError, IoError, UsageError on another count.
ValidationData open_validation_data(const std::vector<std::string>& inputs, std::int64_t channels,
                                    const std::filesystem::path& class_map = {},
                                    Log* log = nullptr);

/// Images with any number of classes: those of the table (data::read_label_table) below the folder,
/// or where it has a `val/` (or one of its synonyms) those below that, which `log` hears. Throws
/// DataError, IoError, UsageError on other than one folder.
ValidationData open_labelled_validation_data(const std::vector<std::string>& inputs,
                                             const std::filesystem::path& labels_csv,
                                             std::int64_t channels, Log* log = nullptr);

/// `images`, `top1`, `top5` (percent), `loss`, `per_class` (those that have images). Of a
/// multi-label dataset `images`, `map` (percent), `loss`, `per_class` with `average_precision`.
Json validation_json(const data::Evaluation& result, const std::vector<std::string>& labels);
std::string validation_text(const data::Evaluation& result, const std::vector<std::string>& labels);
/// CSV: a row a true class, a column a predicted one.
std::string confusion_csv(const data::Metrics& metrics, const std::vector<std::string>& labels);

}  // namespace vit::pipeline
