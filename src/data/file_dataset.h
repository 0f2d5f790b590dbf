// What datasets of image files share, however they are labelled.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "hash.h"
#include "vit/data/dataset.h"

namespace vit::data {

class FileDataset : public Dataset {
 public:
  FileDataset(std::filesystem::path root, std::vector<std::filesystem::path> files,
              std::int64_t channels)
      : root_(std::move(root)), files_(std::move(files)), channels_(channels) {}

  std::vector<std::filesystem::path> files() const override { return files_; }
  std::int64_t size() const override { return std::ssize(files_); }
  std::string name(std::int64_t index) const override { return file(index).string(); }
  Image load(std::int64_t index) const override { return decode_image(file(index), channels_); }
  std::uint64_t fingerprint(std::int64_t index) const override {
    std::error_code none;  // a file that is gone has no size
    const auto bytes = std::filesystem::file_size(file(index), none);
    const auto below = file(index).lexically_relative(root_).string();
    Hash hash;
    hash.add(below.data(), below.size());
    for (const auto label : labels(index)) hash.add(label);
    return hash.add(static_cast<std::int64_t>(bytes)).value();
  }

 private:
  const std::filesystem::path& file(std::int64_t index) const {
    return files_.at(static_cast<std::size_t>(index));
  }

  std::filesystem::path root_;
  std::vector<std::filesystem::path> files_;
  std::int64_t channels_;
};

}  // namespace vit::data
