// SHA-256 of files, computed beside whatever else goes on.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "vit/pipeline/run_record.h"

namespace vit::pipeline {

/// Begins when it is made; the destructor does not wait for the rest.
class FileDigests {
 public:
  explicit FileDigests(std::vector<FileStamp> files);
  ~FileDigests();
  FileDigests(const FileDigests&) = delete;
  FileDigests& operator=(const FileDigests&) = delete;

  bool ready() const { return done_; }
  /// Waits. One digest a file; empty where the file is not (or no longer) the one that was stamped.
  const std::vector<std::string>& get();

 private:
  void compute();

  std::vector<FileStamp> files_;
  std::vector<std::string> digests_;
  std::atomic<bool> done_ = false, cancelled_ = false;
  std::thread thread_;
};

}  // namespace vit::pipeline
