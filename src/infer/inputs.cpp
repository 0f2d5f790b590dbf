#include "vit/infer/inputs.h"

#include <algorithm>

#include "file_inputs.h"
#include "vit/core/error.h"

namespace vit::infer {
namespace {

class DatasetInputs : public InputSource {
 public:
  DatasetInputs(std::shared_ptr<const data::Dataset> dataset,
                std::function<const data::EvalTransform&()> transform,
                std::vector<std::int64_t> classes)
      : dataset_(std::move(dataset)),
        transform_(std::move(transform)),
        classes_(std::move(classes)) {}

  std::optional<Input> next() override {
    if (cancelled() || index_ >= dataset_->size()) return std::nullopt;
    const auto index = index_++;
    Input input;
    input.name = dataset_->name(index);
    if (const auto label = dataset_->label(index); label >= 0)
      input.label = classes_.at(static_cast<std::size_t>(label));
    input.load = [this, index](std::span<float> chw, data::Image* image) {
      show_image(dataset_->name(index), dataset_->load(index), transform_(), chw, image);
    };
    return input;
  }

 private:
  std::shared_ptr<const data::Dataset> dataset_;
  std::function<const data::EvalTransform&()> transform_;
  std::vector<std::int64_t> classes_;
  std::int64_t index_ = 0;
};

class Slice : public InputSource {
 public:
  Slice(std::unique_ptr<InputSource> source, std::int64_t begin, std::int64_t end)
      : source_(std::move(source)), skip_(begin), left_(end - begin) {}

  std::optional<Input> next() override {
    for (; skip_ > 0; --skip_)
      if (cancelled() || !source_->next()) return std::nullopt;
    if (cancelled() || left_ <= 0) return std::nullopt;
    --left_;
    return source_->next();
  }

  void cancel() override {
    InputSource::cancel();
    source_->cancel();
  }

 private:
  std::unique_ptr<InputSource> source_;
  std::int64_t skip_;
  std::int64_t left_;
};

class CheckedInputs : public InputSource {
 public:
  CheckedInputs(std::unique_ptr<InputSource> source, std::int64_t count,
                std::function<void(const std::string& name)> check)
      : source_(std::move(source)), count_(count), check_(std::move(check)) {}

  std::optional<Input> next() override {
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
    InputSource::cancel();
    source_->cancel();
  }

 private:
  std::unique_ptr<InputSource> source_;
  std::int64_t count_, number_ = 0;
  std::function<void(const std::string& name)> check_;
};

}  // namespace

std::unique_ptr<InputSource> open_dataset_inputs(
    std::shared_ptr<const data::Dataset> dataset,
    std::function<const data::EvalTransform&()> transform, std::vector<std::int64_t> classes) {
  return std::make_unique<DatasetInputs>(std::move(dataset), std::move(transform),
                                         std::move(classes));
}

std::unique_ptr<InputSource> slice_inputs(std::unique_ptr<InputSource> source, std::int64_t begin,
                                          std::int64_t end) {
  return std::make_unique<Slice>(std::move(source), begin, end);
}

std::unique_ptr<InputSource> check_inputs(std::unique_ptr<InputSource> source, std::int64_t count,
                                          std::function<void(const std::string& name)> check) {
  return std::make_unique<CheckedInputs>(std::move(source), count, std::move(check));
}

std::int64_t count_inputs(InputSource& source) {
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

}  // namespace vit::infer
