// Images of a training batch that cannot be read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vit/data/loader.h"

namespace vit::train {

/// Puts good images where a batch has bad ones. A bad image is one whose file is not an image, or
/// cannot be read.
class BadImages {
 public:
  /// Told of each sample that another takes the place of: its index in the dataset, and what is
  /// wrong with it.
  using Found = std::function<void(std::int64_t index, const std::string& what)>;

  BadImages(std::shared_ptr<const data::Dataset> data, data::SampleTransform transform,
            std::uint64_t seed);

  /// Each sample of `batch` with an error becomes the dataset's next image that is good, with its
  /// label, as timm does it (`timm/data/dataset.py`). `position`: of the batch's first sample in
  /// `epoch`. Throws DataError where kMostInARow images are bad, one after the other; any error
  /// that is not an image's.
  void replace(data::Batch& batch, std::uint64_t epoch, std::int64_t position,
               const Found& found) const;

  static constexpr std::int64_t kMostInARow = 20;

 private:
  /// What is wrong with the image; none: it is in the batch now.
  std::optional<std::string> load(data::Batch& batch, std::int64_t row, std::int64_t index,
                                  Random random) const;

  std::shared_ptr<const data::Dataset> data_;
  data::SampleTransform transform_;
  std::uint64_t seed_;
};

}  // namespace vit::train
