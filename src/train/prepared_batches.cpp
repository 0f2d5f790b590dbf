#include "prepared_batches.h"

#include "clock.h"

namespace vit::train {
namespace {

data::LoaderOptions cancelled_by(const std::atomic<bool>& cancelled, data::LoaderOptions options) {
  options.stopping = [&cancelled] { return cancelled.load(); };
  return options;
}

}  // namespace

PreparedBatches::PreparedBatches(std::unique_ptr<data::SampleSource> samples,
                                 data::LoaderOptions options, bool ahead, std::int64_t first,
                                 Prepare prepare)
    : prepare_(std::move(prepare)),
      number_(first),
      loader_(std::move(samples), cancelled_by(cancelled_, std::move(options))) {
  if (ahead) ahead_.emplace(1);
}

PreparedBatches::~PreparedBatches() { cancelled_ = true; }

PreparedBatch PreparedBatches::next() {
  if (!ahead_) return make().value();
  if (!pending_.valid()) pending_ = ahead_->submit([this] { return make(); });
  const auto begin = Clock::now();
  auto batch = pending_.get().value();
  batch.waited = seconds_since(begin);
  if (!batch.error) pending_ = ahead_->submit([this] { return make(); });
  return batch;
}

std::optional<PreparedBatch> PreparedBatches::make() {
  const auto begin = Clock::now();
  auto batch = loader_.next();
  if (!batch) return std::nullopt;
  PreparedBatch prepared;
  prepared.waited = seconds_since(begin);
  try {
    prepare_(std::move(*batch), number_++, prepared);
  } catch (...) {
    prepared.error = std::current_exception();
  }
  return prepared;
}

}  // namespace vit::train
