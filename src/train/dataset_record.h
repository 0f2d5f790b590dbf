// What a checkpoint knows of the images and the teacher that its run learns from: enough to say
// what changed.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "vit/data/dataset.h"

namespace vit::train {

/// One number an image (the low half of Dataset::fingerprint), and the classes.
struct DatasetRecord {
  std::vector<std::string> classes;
  at::Tensor train, val;  ///< int32 [N]
  std::string teacher{};  ///< Teacher::digest; empty: none, or written by an earlier version
};

/// Looks at every file's size.
DatasetRecord record_dataset(const data::Dataset& train, const data::Dataset& val);

void write_record(const std::filesystem::path& file, const DatasetRecord& record);
/// Throws DataError, IoError.
DatasetRecord read_record(const std::filesystem::path& file);

/// What differs between the images of a checkpoint and those that are there now; empty: nothing.
std::string dataset_difference(const DatasetRecord& before, const DatasetRecord& now,
                               const data::Dataset& train, const data::Dataset& val);

}  // namespace vit::train
