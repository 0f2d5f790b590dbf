// Where rows go: standard output, a device or pipe, or `FILE.part` that becomes FILE when all is
// written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vit/pipeline/rows.h"
#include "vit/pipeline/run_record.h"

namespace vit::pipeline {

struct RowOutputOptions {
  std::filesystem::path file;  ///< empty: standard output
  bool force = false;          ///< replace `file` and what an unfinished run left
  bool resume = false;         ///< go on after the last whole row of `FILE.part`
  RunRecord record;            ///< kept in `FILE.part.json` until the end; --resume compares it
};

/// Grows whole rows at a time. Nothing of an earlier output changes before the first row is there.
/// An array in a file has `FILE.names.txt` beside it: a line a row, its input as `printable` shows
/// it, line ends escaped too. An array for standard output or a device waits in a temporary file,
/// for its head says how many rows there are.
class RowOutput {
 public:
  /// Throws IoError where `file` (or a `.part` that nobody said to resume or replace) exists,
  /// cannot be written or is being written by another run; DataError where the `.part` is of
  /// another output, UsageError where it cannot be known to be of the same run.
  RowOutput(RowEncoder encoder, RowOutputOptions options);
  ~RowOutput();
  RowOutput(const RowOutput&) = delete;
  RowOutput& operator=(const RowOutput&) = delete;

  const RowEncoder& encoder() const;
  /// Rows that were there already; the next row is number `rows_done`.
  std::int64_t rows_done() const;
  /// To be called with the names of the first `rows_done` inputs, in order; works beside this
  /// object, in any one thread. Throws UsageError where a row is another input's.
  std::function<void(const std::string& name)> check_of_rows_done() const;
  /// What is not finished can be resumed.
  bool resumable() const;
  /// True when nobody reads on (`| head`): writing is over, and no error.
  bool closed() const;

  void predictions(const Answer& answer);
  void values(const std::string& name, std::span<const float> values);
  void error(const std::string& name, const std::string& message);
  /// Hands over what was collected since the last call. Throws IoError.
  void flush();
  /// Writes the tail; a file gets its name. Throws IoError.
  void finish();

  /// Every file that an output to `file` writes: for whoever keeps inputs from being replaced.
  static std::vector<std::filesystem::path> files_of(const std::filesystem::path& file,
                                                     RowFormat format);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vit::pipeline
