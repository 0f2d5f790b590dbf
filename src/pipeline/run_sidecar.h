// `FILE.part.json`: what made the rows of `FILE.part`.
#pragma once

#include <filesystem>
#include <optional>

#include "file_digests.h"
#include "vit/core/json.h"
#include "vit/pipeline/run_record.h"

namespace vit::pipeline {

class RunSidecar {
 public:
  /// Reads what is there; begins to compute the model's digests.
  RunSidecar(std::filesystem::path part, RunRecord record);

  const std::filesystem::path& path() const { return path_; }
  /// There is a file at its place.
  bool exists() const { return exists_; }
  /// There is one, and it is such a record.
  bool readable() const { return found_.has_value(); }

  /// Throws UsageError, which names what differs, where another run made the part, and where
  /// nothing says what made it. Waits for the digests only where a file of the model was touched.
  void expect_same_run();

  /// Writes it whole. Throws IoError.
  void write();
  /// The same, once the digests are there and not in it yet; cheap to call.
  void complete();
  void remove();

 private:
  void expect_same_model(const Json& recorded);

  std::filesystem::path part_, path_;
  RunRecord record_;
  FileDigests digests_;
  bool exists_ = false;
  bool complete_ = false;      // what was written has the digests
  std::optional<Json> found_;  // what was there
};

/// `<part>.json`.
std::filesystem::path sidecar_of(const std::filesystem::path& part);

}  // namespace vit::pipeline
