// A stream of inputs answered: batches in, rows, overlays and gallery cards out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "vit/data/loader.h"
#include "vit/data/step_times.h"
#include "vit/infer/predictor.h"
#include "vit/pipeline/frames.h"
#include "vit/pipeline/overlay.h"
#include "vit/pipeline/row_output.h"
#include "vit/report/gallery.h"

namespace vit::pipeline {

struct AnswerOptions {
  enum Output { kPredictions, kLogits, kFeatures, kInputs };
  Output output = kPredictions;
  engine::FeatureKind features;  ///< of kFeatures
  infer::SelectOptions classes;  ///< of kPredictions
  engine::AttentionMethod attention = engine::AttentionMethod::kRollout;
  bool skip_errors = false;    ///< a row with the error, and go on
  std::int64_t skip_rows = 0;  ///< inputs at the beginning whose rows are there already
  std::function<void(std::int64_t)> progress;  ///< inputs done so far
};

struct AnswerSinks {
  RowOutput& rows;
  OverlayFolder* overlays = nullptr;
  report::Gallery* gallery = nullptr;
  AnnotatedVideo* video = nullptr;  ///< of kPredictions: the first class of every row
};

struct AnswerResult {
  std::int64_t failed = 0;  ///< inputs that only have an error
  std::string first_error;
  bool stopped = false;  ///< before the end
  data::StepTimes times;
};

/// Runs the loader to its end, to a stop, or until nobody reads the rows any more. Rows are
/// handed over batch by batch. Throws the first bad input's error unless `skip_errors`, after the
/// rows before it are written; `sinks.rows.finish()` is the caller's.
AnswerResult answer(const Predictor& predictor, data::Loader& loader, const AnswerOptions& options,
                    const AnswerSinks& sinks);

}  // namespace vit::pipeline
