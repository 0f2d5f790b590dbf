// A classifier measured on labelled images, whatever computes its logits.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>

#include "vit/core/array.h"
#include "vit/data/loader.h"
#include "vit/data/metrics.h"
#include "vit/data/multi_label_metrics.h"
#include "vit/data/step_times.h"

namespace vit::data {

struct EvaluateOptions {
  std::int64_t num_classes = 0;
  bool confusion = false;    ///< Metrics::confusion is wanted
  bool skip_errors = false;  ///< leave bad images out
  bool multi_label = false;  ///< the samples' `labels` count, not their `label`
  /// Told of each batch and its logits [B, num_classes]; may be empty.
  std::function<void(const Batch&, const Array& logits)> observe;
  std::function<void(std::int64_t done)> progress;  ///< images; may be empty
};

struct Evaluation {
  Metrics metrics;          ///< empty of a multi-label dataset
  std::int64_t failed = 0;  ///< images left out
  bool stopped = false;     ///< before the end, by the loader's `stopping`
  StepTimes times;
  std::optional<MultiLabelMetrics> multi_label{};  ///< of a multi-label dataset
  std::exception_ptr error{};                      ///< of the first image left out
};

/// `[B, C, H, W]` to logits `[B, num_classes]`.
using Forward = std::function<Array(Array images)>;

/// Runs the loader, whose samples have labels of the model, to its end. Throws the first bad
/// image's error unless `skip_errors`.
Evaluation evaluate(Loader& loader, const Forward& forward, const EvaluateOptions& options);

}  // namespace vit::data
