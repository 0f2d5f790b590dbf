// An output file while it grows: FILE.part, what made it, and the names beside an array.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "part_file.h"
#include "run_sidecar.h"
#include "vit/pipeline/row_output.h"

namespace vit::pipeline {

class GrowingOutput {
 public:
  /// As RowOutput's constructor says.
  GrowingOutput(const RowEncoder& encoder, const RowOutputOptions& options);
  /// Leaves what can be resumed, and nothing where there is no row.
  ~GrowingOutput();
  GrowingOutput(const GrowingOutput&) = delete;
  GrowingOutput& operator=(const GrowingOutput&) = delete;

  std::int64_t rows_done() const { return whole_.rows; }
  std::function<void(const std::string& name)> check_of_rows_done() const;

  /// `names`: lines of the list beside an array, else empty. The first call replaces what an
  /// earlier run left.
  void append(std::string_view rows, std::string_view names);
  /// `head`: what an array begins with; empty: as it is.
  void finish(std::string_view head);

 private:
  void expect_ours(const RowOutputOptions& options) const;
  void find_rows_done();
  void begin();

  RowEncoder encoder_;
  bool force_;
  PartFile part_;
  std::unique_ptr<PartFile> names_;  // of an array
  RunSidecar sidecar_;
  WholeRows whole_;
  std::int64_t names_bytes_ = 0;  // of the whole rows
  bool begun_ = false;
  bool has_rows_ = false;
};

/// `<file>.names.txt`.
std::filesystem::path names_file_of(const std::filesystem::path& file);

/// A line of it.
std::string name_line(const std::string& name);

}  // namespace vit::pipeline
