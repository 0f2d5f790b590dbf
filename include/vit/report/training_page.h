// A training run on one page: curves, confusion matrix, mistakes, what the model sees.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vit/core/json.h"

namespace vit::report {

/// An image that the model took for something else.
struct Mistake {
  std::string name;       ///< the file
  std::string image;      ///< data URI
  std::string truth;      ///< label
  std::string predicted;  ///< label
  double prob = 0;        ///< of `predicted`
};

/// A class of a multi-label dataset.
struct ClassPrecision {
  std::string label;
  std::int64_t images = 0;                ///< that have it
  std::optional<double> average_percent;  ///< average precision; none where no image has it
};

struct TrainingPage {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  ///< name, value
  /// Of log.jsonl: `step` rows (`step`, `loss`, `lr`), `epoch` rows (`epoch`, `step`, `train_loss`,
  /// and where evaluated `eval_loss`, `eval_top1` and `eval_top5`, or `eval_map`). Other rows are
  /// passed over.
  std::vector<Json> rows;
  std::vector<std::string> labels;           ///< of the classes
  std::vector<std::int64_t> confusion;       ///< [classes * classes], row = true class; empty: none
  std::vector<Mistake> mistakes;             ///< the worst first
  std::vector<std::string> samples;          ///< data URIs of augmented training images
  Json configuration;                        ///< shown as it is
  bool running = true;                       ///< the page looks for its next form now and then
  bool multi_label = false;                  ///< the best model is that of the largest mAP
  std::vector<ClassPrecision> precisions{};  ///< of a multi-label dataset, by class
};

/// Stands near the beginning of every such page, so that one is known again.
inline constexpr std::string_view kTrainingPageMark =
    "<meta name=\"generator\" content=\"vit-train\">";

/// The page, which holds all that it shows.
std::string training_page(const TrainingPage& page);

}  // namespace vit::report
