// Which files a run reads and writes, so that no output is, replaces or deletes an input; and what
// makes its rows, so that --resume goes on with the same run only.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "options.h"
#include "vit/core/file_roles.h"
#include "vit/data/dataset.h"
#include "vit/infer/predictor.h"
#include "vit/pipeline/inputs.h"
#include "vit/pipeline/rows.h"
#include "vit/pipeline/run_record.h"

namespace vit::tools {

class RunFiles {
 public:
  /// Names every input that is known at the start. What is missing is left to whoever opens it.
  explicit RunFiles(const InferOptions& options);

  /// Each throws UsageError where the output is an input, IoError where it exists and may not be
  /// replaced. An empty `file` is standard output.
  void writes_report(const std::filesystem::path& file);
  void writes_rows(const std::filesystem::path& file, pipeline::RowFormat format);

  /// What is to be told of inputs that are found later; this must outlive the source.
  void watch(pipeline::FileInputOptions& inputs);
  void reads(const data::Dataset& dataset);

  /// For the folder of overlays: knows all inputs, also those that are found later.
  FileRoles& overlay_roles() { return overlay_roles_; }

  /// Of rows with `answers_topk` classes each (0: an array).
  pipeline::RunRecord record(const Shard& shard, const infer::Predictor& predictor,
                             std::int64_t answers_topk) const;

 private:
  void reads_file(const std::filesystem::path& file);

  const InferOptions& options_;
  std::vector<pipeline::FileStamp> model_;
  FileRoles roles_;
  FileRoles overlay_roles_;  // its folders may not hold overlays, but -o may lie in them
  bool replaces_ = false;    // an output exists
};

}  // namespace vit::tools
