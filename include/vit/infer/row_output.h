// Where rows go: standard output, or `FILE.part` that becomes FILE when all is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "vit/infer/rows.h"

namespace vit::infer {

struct RowOutputOptions {
  std::filesystem::path file;  ///< empty: standard output
  bool force = false;          ///< replace `file` and its `.part`
  bool resume = false;         ///< go on after the last whole row of `FILE.part`
};

/// Grows whole rows at a time. An array for standard output waits in a temporary file, for its
/// head says how many rows there are.
class RowOutput {
 public:
  /// Throws IoError where `file` (or a `.part` that nobody said to resume or replace) exists or
  /// cannot be written, DataError where the `.part` is of another output.
  RowOutput(RowEncoder encoder, const RowOutputOptions& options);
  ~RowOutput();
  RowOutput(const RowOutput&) = delete;
  RowOutput& operator=(const RowOutput&) = delete;

  const RowEncoder& encoder() const { return encoder_; }
  /// Rows that were there already; the next row is number `rows_done`.
  std::int64_t rows_done() const { return rows_done_; }
  /// True where the output was finished before (`--resume` of a run that had ended).
  bool complete() const { return complete_; }
  /// True when nobody reads on (`| head`): writing is over, and no error.
  bool closed() const { return closed_; }

  void predictions(const std::string& name, std::span<const Prediction> topk);
  void values(std::span<const float> values);
  void error(const std::string& name, const std::string& message);
  /// Hands over what was collected since the last call. Throws IoError.
  void flush();
  /// Writes the tail; a file gets its name. Throws IoError.
  void finish();

 private:
  void add(std::string row);
  void write_all(int descriptor, std::string_view bytes);
  void copy_to_stdout();

  RowEncoder encoder_;
  std::filesystem::path file_, part_;
  int descriptor_ = 1;
  bool owned_ = false;    // descriptor_ is ours to close
  bool regular_ = false;  // descriptor_ is a file whose head can be written again
  std::string pending_;
  std::int64_t rows_done_ = 0, rows_ = 0;
  bool complete_ = false, closed_ = false, started_ = false;
};

}  // namespace vit::infer
