// What made the rows of an output, so that a resumed run is known to be the same run.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "vit/core/json.h"

namespace vit::pipeline {

/// A file as it was when somebody looked: what is cheap to compare. Equal where nobody wrote to it.
struct FileStamp {
  std::filesystem::path file;
  dev_t device = 0;
  ino_t inode = 0;
  std::int64_t size = 0;
  std::int64_t changed_ns = 0;  ///< st_ctime: of the last change to contents or names
};

/// Throws IoError where there is no such file.
FileStamp stamp_file(const std::filesystem::path& file);

struct RunRecord {
  /// Whatever else changes rows, by name: options, inputs, the program's version. A flat object.
  Json facts = Json::object();
  std::vector<FileStamp> model;  ///< its files, stamped before they were opened
};

}  // namespace vit::pipeline
