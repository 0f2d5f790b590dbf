// report.html of a run folder: the run on one page, written anew where an epoch ends.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "vit/core/random.h"
#include "vit/data/evaluate.h"
#include "vit/data/train_transform.h"
#include "vit/report/training_page.h"
#include "vit/train/setup.h"
#include "vit/train/train_options.h"

namespace vit::train {

/// The most confident mistakes of an evaluation.
class WorstMistakes {
 public:
  struct Found {
    std::int64_t index = 0;  ///< into the dataset
    std::int64_t truth = 0, predicted = 0;
    double prob = 0;  ///< of `predicted`
  };

  explicit WorstMistakes(std::size_t most) : most_(most) {}
  /// logits: [B, classes], of the batch's samples.
  void add(const data::Batch& batch, const Array& logits);
  /// The worst first; of equals the one that came first.
  const std::vector<Found>& found() const { return found_; }

 private:
  std::size_t most_;
  std::vector<Found> found_;
};

class RunReport {
 public:
  /// `transform` must outlive this.
  RunReport(const TrainOptions& options, const ModelConfig& config,
            std::shared_ptr<const data::Dataset> train_data,
            std::shared_ptr<const data::Dataset> val_data, const data::TrainTransform& transform);

  /// More classes than this make a confusion matrix that nobody reads.
  static constexpr std::int64_t kMostClasses = 60;
  static constexpr std::size_t kMostMistakes = 24;

  /// What the next page says of the validation.
  void set_evaluation(const data::Evaluation& result, const WorstMistakes& mistakes);
  /// What the next page shows of the training images of an epoch: some of those that it begins
  /// with, as the model sees them.
  void set_samples(std::span<const std::int64_t> order, std::uint64_t epoch);
  /// Rows are those of log.jsonl. Throws IoError.
  void write(bool running);

 private:
  std::filesystem::path folder_;
  std::uint64_t seed_;
  std::shared_ptr<const data::Dataset> train_data_, val_data_;
  const data::TrainTransform& transform_;
  data::EvalTransform eval_;
  report::TrainingPage page_;
};

}  // namespace vit::train
