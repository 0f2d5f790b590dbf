#include "vit/pipeline/inputs.h"

#include <algorithm>

#include "vit/core/error.h"

namespace vit::pipeline {
namespace {

class Slice : public data::SampleSource {
 public:
  Slice(std::unique_ptr<data::SampleSource> source, std::int64_t begin, std::int64_t end)
      : source_(std::move(source)), skip_(begin), left_(end - begin) {}

  std::optional<data::Sample> next() override {
    for (; skip_ > 0; --skip_)
      if (cancelled() || !source_->next()) return std::nullopt;
    if (cancelled() || left_ <= 0) return std::nullopt;
    --left_;
    return source_->next();
  }

  void cancel() override {
    data::SampleSource::cancel();
    source_->cancel();
  }

 private:
  std::unique_ptr<data::SampleSource> source_;
  std::int64_t skip_;
  std::int64_t left_;
};

class CheckedInputs : public data::SampleSource {
 public:
  CheckedInputs(std::unique_ptr<data::SampleSource> source, std::int64_t count,
                std::function<void(const std::string& name)> check)
      : source_(std::move(source)), count_(count), check_(std::move(check)) {}

  std::optional<data::Sample> next() override {
    auto input = source_->next();
    if (number_ == count_ || cancelled()) return input;
    if (!input)
      throw UsageError("expected at least the {} inputs whose rows there are, found {}", count_,
                       number_);
    ++number_;
    check_(input->name);
    return input;
  }

  void cancel() override {
    data::SampleSource::cancel();
    source_->cancel();
  }

 private:
  std::unique_ptr<data::SampleSource> source_;
  std::int64_t count_, number_ = 0;
  std::function<void(const std::string& name)> check_;
};

}  // namespace

std::unique_ptr<data::SampleSource> slice_inputs(std::unique_ptr<data::SampleSource> source,
                                                 std::int64_t begin, std::int64_t end) {
  return std::make_unique<Slice>(std::move(source), begin, end);
}

std::unique_ptr<data::SampleSource> check_inputs(
    std::unique_ptr<data::SampleSource> source, std::int64_t count,
    std::function<void(const std::string& name)> check) {
  return std::make_unique<CheckedInputs>(std::move(source), count, std::move(check));
}

std::int64_t count_inputs(data::SampleSource& source) {
  std::int64_t count = 0;
  while (source.next()) ++count;
  return count;
}

std::array<std::int64_t, 2> shard_range(std::int64_t inputs, std::int64_t batch_size,
                                        std::int64_t rank, std::int64_t world_size) {
  const auto batches = (inputs + batch_size - 1) / batch_size;
  const auto begin = batches * rank / world_size * batch_size;
  const auto end = batches * (rank + 1) / world_size * batch_size;
  return {std::min(begin, inputs), std::min(end, inputs)};
}

}  // namespace vit::pipeline
