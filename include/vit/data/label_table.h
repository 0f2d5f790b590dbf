// Images with any number of classes each, as a table says it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "vit/data/dataset.h"

namespace vit::data {

struct LabelTable {
  struct Row {
    std::string file;                   ///< below the dataset's folder
    std::vector<std::int64_t> classes;  ///< in ascending order; may be empty
  };
  std::filesystem::path path;
  std::vector<std::string> classes;
  std::vector<Row> rows;
};

/// A CSV (RFC 4180) whose first line names the columns and whose first column is a file. Then
/// either a column a class, 0 or 1, or one column called `labels` or `classes` with the names of
/// the image's classes, separated by `;` or `|`; the classes are then all of them, sorted. Throws
/// IoError; DataError naming the line.
LabelTable read_label_table(const std::filesystem::path& csv);

/// The rows of `table` whose file is below `folder / split` (empty: all of them; it may be several
/// folders deep), in their order.
/// Throws DataError where a file is not there or none is below.
std::shared_ptr<const Dataset> open_labelled_images(const std::filesystem::path& folder,
                                                    const std::filesystem::path& split,
                                                    const LabelTable& table, std::int64_t channels);

}  // namespace vit::data
