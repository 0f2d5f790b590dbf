// A stream of inputs answered: batches in, rows, overlays and gallery cards out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>

#include "vit/core/file_roles.h"
#include "vit/infer/frames.h"
#include "vit/infer/pipeline.h"
#include "vit/infer/predictor.h"
#include "vit/infer/row_output.h"
#include "vit/io/html.h"

namespace vit::infer {

/// Seconds that each step took. Loading is summed over the worker threads.
struct Profile {
  double load = 0;  ///< reading, decoding, preprocessing
  double wait = 0;  ///< the model waited for inputs
  double model = 0;
  double write = 0;  ///< rows, overlays, cards
  double total = 0;
  std::int64_t inputs = 0;

  Json to_json() const;
  std::string to_text() const;  ///< a table of several lines
};

/// A folder of overlay images, one an input. A name follows from its input's alone, so that runs,
/// processes and inputs of equal stems never take each other's:
/// `<stem>-<16 hexadecimal digits of the SHA-256 of the input's name>.png`.
class OverlayFolder {
 public:
  /// Makes the folder. `roles`: what may not be replaced. Throws IoError, UsageError where the
  /// folder is or lies in an input.
  OverlayFolder(std::filesystem::path folder, bool force, FileRoles* roles = nullptr);
  std::filesystem::path path_of(const std::string& input) const;
  /// `png`: the bytes of a file. Throws IoError, also where the file exists, not of this run, and
  /// `force` is not set; UsageError where it is an input.
  void write(const std::string& input, const std::string& png);

 private:
  std::filesystem::path folder_;
  bool force_;
  FileRoles* roles_;
  std::unordered_set<std::string> written_;
};

/// `image` with the map laid over it, from its least value in blue to its largest in red.
/// map: [grid_h, grid_w], finite.
data::Image overlay_attention(const data::Image& image, std::span<const float> map,
                              std::int64_t grid_h);

struct AnswerOptions {
  enum Output { kPredictions, kLogits, kFeatures, kInputs };
  Output output = kPredictions;
  FeatureKind features;  ///< of kFeatures
  std::int64_t topk = 5;
  AttentionMethod attention = AttentionMethod::kRollout;
  bool skip_errors = false;    ///< a row with the error, and go on
  std::int64_t skip_rows = 0;  ///< inputs at the beginning whose rows are there already
  std::function<bool()> stopping;
  std::function<void(std::int64_t)> progress;  ///< inputs done so far
};

struct AnswerSinks {
  RowOutput& rows;
  OverlayFolder* overlays = nullptr;
  io::Gallery* gallery = nullptr;
  AnnotatedVideo* video = nullptr;  ///< of kPredictions: the first class of every row
};

struct AnswerResult {
  std::int64_t failed = 0;  ///< inputs that only have an error
  std::string first_error;
  bool stopped = false;  ///< before the end
  Profile profile;
};

/// Runs the pipeline to its end, to a stop, or until nobody reads the rows any more. Rows are
/// handed over batch by batch. Throws the first bad input's error unless `skip_errors`, after the
/// rows before it are written; `sinks.rows.finish()` is the caller's.
AnswerResult answer(const Predictor& predictor, Pipeline& pipeline, const AnswerOptions& options,
                    const AnswerSinks& sinks);

}  // namespace vit::infer
