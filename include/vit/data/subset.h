// Some images of a dataset as a dataset.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "vit/data/dataset.h"

namespace vit::data {

/// The images `indices` of `whole`, in that order, with all of its classes. Throws UsageError on an
/// index that is not there.
std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> whole,
                                      std::vector<std::int64_t> indices);

struct Halves {
  std::shared_ptr<const Dataset> rest, held_out;
};

/// Holds out `count` images of `whole`, drawn by `seed` alone; both halves keep the images' order.
/// Throws UsageError where nothing would be left.
Halves hold_out(const std::shared_ptr<const Dataset>& whole, std::int64_t count,
                std::uint64_t seed);

}  // namespace vit::data
