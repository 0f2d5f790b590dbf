// Answers as rows of text, CSV, JSON, JSON lines or one numpy array.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vit/infer/prediction.h"

namespace vit::pipeline {

using infer::Prediction;

enum class RowFormat { kText, kCsv, kJson, kJsonl, kNpy };

/// `text`, `csv`, `json`, `jsonl` or `npy`. Throws UsageError.
RowFormat parse_row_format(const std::string& text);

struct RowOptions {
  RowFormat format = RowFormat::kText;
  std::vector<std::string> labels;        ///< by class; may be empty
  std::int64_t columns = 5;               ///< predictions a row, for the CSV's head
  bool error_column = false;              ///< CSV: rows may carry an error
  bool attention_column = false;          ///< CSV, JSON: rows say which overlay is theirs
  std::vector<std::int64_t> value_shape;  ///< kNpy: of one row, float32
};

/// What the model said of one input.
struct Answer {
  std::string name;  ///< of the input
  std::span<const Prediction> topk;
  std::string attention;  ///< file of the overlay; empty: none
};

/// The bytes of one output: head, rows, tail. Every row ends where the next begins, so that any
/// number of whole rows can be resumed from. Names and messages are shown as `printable` has them,
/// within each format's own escapes.
class RowEncoder {
 public:
  explicit RowEncoder(RowOptions options) : options_(std::move(options)) {}

  /// kNpy: the head of an array of `rows` rows; its length does not depend on `rows`.
  std::string head(std::int64_t rows = 0) const;
  /// `first`: nothing stands before it but the head.
  std::string predictions(const Answer& answer, bool first) const;
  std::string values(std::span<const float> values) const;  ///< kNpy
  /// A row that says what was wrong (kNpy: NaN).
  std::string error(const std::string& name, const std::string& message, bool first) const;
  std::string tail(std::int64_t rows) const;
  /// Whether `row`, as it stands between two others, is that of input `name`. Not of kNpy.
  bool is_row_of(const std::string& row, const std::string& name) const;

  const RowOptions& options() const { return options_; }

 private:
  std::string label(std::int64_t index) const;

  RowOptions options_;
};

/// What an interrupted output holds.
struct WholeRows {
  std::int64_t rows = 0;
  std::int64_t bytes = 0;  ///< head and whole rows; what follows is to be cut off
};

/// Counts the whole rows, up to `limit`, of a file that a RowEncoder's output was cut off in.
/// Throws DataError where it does not begin with the encoder's head, IoError.
WholeRows count_whole_rows(const std::filesystem::path& path, const RowEncoder& encoder,
                           std::int64_t limit = INT64_MAX);

}  // namespace vit::pipeline
