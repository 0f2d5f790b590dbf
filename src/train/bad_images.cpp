#include "bad_images.h"

#include <utility>

#include "vit/core/error.h"

namespace vit::train {
namespace {

/// Rethrows what is not an image's own fault.
std::string fault_of(const std::exception_ptr& error) {
  if (!data::is_bad_sample(error)) std::rethrow_exception(error);
  return error_message(error);
}

}  // namespace

BadImages::BadImages(std::shared_ptr<const data::Dataset> data, data::SampleTransform transform,
                     std::uint64_t seed)
    : data_(std::move(data)), transform_(std::move(transform)), seed_(seed) {}

void BadImages::replace(data::Batch& batch, std::uint64_t epoch, std::int64_t position,
                        const Found& found) const {
  for (std::int64_t row = 0; row < std::ssize(batch.samples); ++row) {
    const auto& sample = batch.samples[static_cast<std::size_t>(row)];
    if (!sample.error) continue;
    // A stream that no sample has, whose count from 0, and no batch, whose count down from the end.
    const Random random(seed_, epoch, UINT64_MAX / 2 + static_cast<std::uint64_t>(position + row));
    auto index = sample.index;
    std::optional<std::string> fault = fault_of(sample.error);
    found(index, *fault);
    for (std::int64_t bad = 1; fault; ++bad) {
      if (bad == kMostInARow)
        throw DataError("{} images in a row are bad, the last: {}", kMostInARow, *fault);
      index = (index + 1) % data_->size();
      fault = load(batch, row, index, random);
    }
  }
}

std::optional<std::string> BadImages::load(data::Batch& batch, std::int64_t row, std::int64_t index,
                                           Random random) const {
  try {
    data::load_for_training(*data_, index, transform_, random, batch.images.row(row));
  } catch (...) {
    return fault_of(std::current_exception());
  }
  auto& sample = batch.samples[static_cast<std::size_t>(row)];
  sample.error = nullptr;
  sample.index = index;
  sample.label = data_->label(index);
  if (data_->is_multi_label()) sample.labels = data_->labels(index);
  return std::nullopt;
}

}  // namespace vit::train
