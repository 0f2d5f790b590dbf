#include "vit/data/sample.h"

#include <numeric>
#include <utility>

#include "shuffle.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

std::vector<std::int64_t> all_labels(const Dataset& dataset, std::int64_t index) {
  return dataset.is_multi_label() ? dataset.labels(index) : std::vector<std::int64_t>{};
}

class EpochSamples : public SampleSource {
 public:
  EpochSamples(std::shared_ptr<const Dataset> dataset, SampleTransform transform,
               std::vector<std::int64_t> indices, EpochOptions options)
      : dataset_(std::move(dataset)),
        transform_(std::move(transform)),
        indices_(std::move(indices)),
        options_(std::move(options)),
        position_(static_cast<std::size_t>(options_.begin)) {
    if (options_.begin < 0)
      throw UsageError("begin: expected at least 0, found {}", options_.begin);
    if (!options_.streams.empty() && options_.streams.size() != indices_.size())
      throw UsageError("streams: expected {}, found {}", indices_.size(), options_.streams.size());
    for (const auto index : indices_)
      if (index < 0 || index >= dataset_->size())
        throw UsageError("sample {} of a dataset of {}", index, dataset_->size());
  }

  std::optional<Sample> next() override {
    if (cancelled() || position_ >= indices_.size()) return std::nullopt;
    const auto position = position_++;
    const auto index = indices_[position];
    return Sample{"", dataset_->label(index), index,
                  [this, position](std::span<float> chw, Image*) { load(position, chw); },
                  all_labels(*dataset_, index)};
  }

 private:
  void load(std::size_t position, std::span<float> chw) const {
    const auto index = indices_[position];
    const auto stream =
        options_.streams.empty() ? static_cast<std::uint64_t>(index) : options_.streams[position];
    load_for_training(*dataset_, index, transform_, Random(options_.seed, options_.epoch, stream),
                      chw);
  }

  std::shared_ptr<const Dataset> dataset_;
  SampleTransform transform_;
  std::vector<std::int64_t> indices_;
  EpochOptions options_;
  std::size_t position_;
};

class DatasetSamples : public SampleSource {
 public:
  DatasetSamples(std::shared_ptr<const Dataset> dataset,
                 std::function<const EvalTransform&()> transform, std::vector<std::int64_t> classes)
      : dataset_(std::move(dataset)),
        transform_(std::move(transform)),
        classes_(std::move(classes)) {
    if (!classes_.empty() && classes_.size() < dataset_->classes().size())
      throw UsageError("classes: expected {}, one a class of the dataset, found {}",
                       dataset_->classes().size(), classes_.size());
  }

  std::optional<Sample> next() override {
    if (cancelled() || index_ >= dataset_->size()) return std::nullopt;
    const auto index = index_++;
    auto label = dataset_->label(index);
    if (label >= 0 && !classes_.empty()) label = classes_.at(static_cast<std::size_t>(label));
    auto labels = all_labels(*dataset_, index);
    if (!classes_.empty())
      for (auto& one : labels) one = classes_.at(static_cast<std::size_t>(one));
    return Sample{dataset_->name(index), label, index,
                  [this, index](std::span<float> chw, Image* image) {
                    preprocess(dataset_->name(index), dataset_->load(index), transform_(), chw,
                               image);
                  },
                  std::move(labels)};
  }

 private:
  std::shared_ptr<const Dataset> dataset_;
  std::function<const EvalTransform&()> transform_;
  std::vector<std::int64_t> classes_;
  std::int64_t index_ = 0;
};

}  // namespace

std::unique_ptr<SampleSource> epoch_samples(std::shared_ptr<const Dataset> dataset,
                                            SampleTransform transform,
                                            std::vector<std::int64_t> indices,
                                            EpochOptions options) {
  return std::make_unique<EpochSamples>(std::move(dataset), std::move(transform),
                                        std::move(indices), std::move(options));
}

std::unique_ptr<SampleSource> dataset_samples(std::shared_ptr<const Dataset> dataset,
                                              std::function<const EvalTransform&()> transform,
                                              std::vector<std::int64_t> classes) {
  return std::make_unique<DatasetSamples>(std::move(dataset), std::move(transform),
                                          std::move(classes));
}

void load_for_training(const Dataset& dataset, std::int64_t index, const SampleTransform& transform,
                       Random random, std::span<float> chw) {
  try {
    transform(dataset.load(index), random, chw);
  } catch (const Error& error) {
    const auto name = dataset.name(index);
    const std::string what = error.what();
    if (what.find(name) != std::string::npos) throw;
    throw Error(error.kind(), format("{}: {}", name, what));
  }
}

void preprocess(const std::string& name, const ImageView& image, const EvalTransform& transform,
                std::span<float> chw, Image* cropped) {
  try {
    transform(image, chw);
    if (cropped != nullptr) *cropped = transform.crop(image);
  } catch (const DataError& error) {
    throw DataError("{}: {}", name, error.what());
  }
}

std::vector<std::int64_t> in_order(std::int64_t n) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(n));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed, std::uint64_t epoch) {
  auto indices = in_order(n);
  // A stream that no sample has.
  Random random(seed, epoch, UINT64_MAX);
  shuffle(indices, random);
  return indices;
}

}  // namespace vit::data
