// Tar shards in WebDataset's form: neighbouring files of one stem are a sample (`0001.jpg`,
// `0001.cls`).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "vit/data/dataset.h"

namespace vit::data {

/// Expands `{0000..0099}`, `{a..c}`, `{0..8..2}`, `{train,val}` and their combinations as bash and
/// webdataset do; `::` separates patterns. Throws UsageError on more than a million results.
std::vector<std::string> expand_braces(const std::string& pattern);

/// Whether `data` names shards, or archives of images (archive.h): a folder that holds them, but
/// not the two halves of a dataset, as `options` calls them, or no folder and it ends with `.tar`
/// or has a brace.
bool names_shards(const std::filesystem::path& data, const DataOptions& options = {});

/// The files that a pattern names, or the shards of a folder. Throws as expand_braces, IoError.
std::vector<std::filesystem::path> expand_shards(const std::filesystem::path& pattern);

struct ShardOptions {
  std::string target_key;  ///< field of the `json` file that holds the class; empty: the `cls`
                           ///< file, else the field `label`
};

/// The samples of `shards` in order. One pass over the headers finds them, so that any sample is
/// read alone and a run resumes anywhere. Classes are 0 … the largest label. Images: jpg, jpeg,
/// png, webp, bmp, tif, tiff. Throws IoError; DataError naming shard and sample where one has no
/// image, no class or a file twice.
std::shared_ptr<const Dataset> open_shards(const std::vector<std::filesystem::path>& shards,
                                           std::int64_t channels, const ShardOptions& options = {});

/// Whether a file's name is a shard's.
bool is_shard(const std::filesystem::path& path);

/// Whether `folder` has `.tar` files and no folders in it: an archive beside class folders is none
/// of the dataset.
bool holds_shards(const std::filesystem::path& folder);

/// The `.tar` files right in `folder` but hidden ones, sorted as numbers sort.
std::vector<std::filesystem::path> list_shards(const std::filesystem::path& folder);

}  // namespace vit::data
