// The whole rows of an output that was cut off, one after the other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "vit/pipeline/rows.h"

namespace vit::pipeline {

/// Rows that end where a line does, by the rules of their format: not those of an array.
class WrittenRows {
 public:
  /// `begin`: bytes of the head. Throws IoError.
  WrittenRows(const std::filesystem::path& path, RowFormat format, std::int64_t begin);
  /// Without what parts it from others.
  std::optional<std::string> next();
  /// Of the head and the rows so far.
  std::int64_t bytes() const { return bytes_; }

 private:
  /// One line, in CSV with the line ends that are in quotes.
  bool read_record(std::string& record);

  std::ifstream file_;
  RowFormat format_;
  std::int64_t position_, bytes_;
  bool cut_off_ = false;  // the last record has no end
};

}  // namespace vit::pipeline
