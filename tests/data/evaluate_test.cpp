#include "vit/data/evaluate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "vit/core/error.h"

namespace vit::data {
namespace {

/// Sample i is the value i, of class i % 3; one of them is bad.
class Values : public SampleSource {
 public:
  Values(std::int64_t count, std::int64_t bad) : count_(count), bad_(bad) {}

  std::optional<Sample> next() override {
    if (cancelled() || drawn_ == count_) return std::nullopt;
    const auto i = drawn_++;
    return Sample{std::to_string(i), i % 3, i, [i, this](std::span<float> chw, Image*) {
                    if (i == bad_) throw DataError("{}: bad", i);
                    std::ranges::fill(chw, static_cast<float>(i));
                  }};
  }

 private:
  std::int64_t count_, bad_, drawn_ = 0;
};

Loader values(std::int64_t count, std::int64_t bad = -1, std::function<bool()> stopping = {}) {
  LoaderOptions options;
  options.stopping = std::move(stopping);
  options.shape = {1, 1, 1};
  options.batch_size = 4;
  return Loader(std::make_unique<Values>(count, bad), options);
}

/// Right of every value but 5.
Array forward(const Array& images) {
  Array logits({images.size(0), 3});
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    const auto value = static_cast<std::int64_t>(images.row(i)[0]);
    logits.row(i)[static_cast<std::size_t>(value == 5 ? 0 : value % 3)] = 1;
  }
  return logits;
}

EvaluateOptions evaluate_options(bool skip_errors = false) {
  EvaluateOptions options;
  options.num_classes = 3;
  options.skip_errors = skip_errors;
  return options;
}

TEST(Evaluate, MeasuresEveryImage) {
  auto loader = values(10);
  std::vector<std::int64_t> done;
  auto options = evaluate_options();
  options.progress = [&](std::int64_t images) { done.push_back(images); };
  const auto result = evaluate(loader, forward, options);
  EXPECT_EQ(result.metrics.images(), 10);
  EXPECT_DOUBLE_EQ(result.metrics.top1(), 90);
  EXPECT_EQ(result.times.inputs, 10);
  EXPECT_GT(result.times.total, 0);
  EXPECT_NE(result.times.to_text().find("wait for inputs"), std::string::npos);
  EXPECT_EQ(done, (std::vector<std::int64_t>{4, 8, 10}));
  EXPECT_FALSE(result.stopped);
}

TEST(Evaluate, ThrowsTheFirstBadImagesError) {
  auto loader = values(10, 6);
  EXPECT_THROW(evaluate(loader, forward, evaluate_options()), DataError);
}

TEST(Evaluate, LeavesBadImagesOutWhereTold) {
  auto loader = values(10, 6);
  const auto result = evaluate(loader, forward, evaluate_options(true));
  EXPECT_EQ(result.failed, 1);
  EXPECT_EQ(result.metrics.images(), 9);
  // The rows after the bad one have kept their labels.
  EXPECT_NEAR(result.metrics.top1(), 100.0 * 8 / 9, 1e-9);  // double
}

TEST(Evaluate, AsksNothingOfABatchWithoutAGoodImage) {
  LoaderOptions alone;
  alone.shape = {1, 1, 1};
  Loader loader(std::make_unique<Values>(1, 0), alone);
  const auto result = evaluate(
      loader, [](const Array&) -> Array { throw DataError("asked"); }, evaluate_options(true));
  EXPECT_EQ(result.failed, 1);
  EXPECT_EQ(result.metrics.images(), 0);
}

TEST(Evaluate, ShowsEachBatchAndItsLogits) {
  auto loader = values(10);
  auto options = evaluate_options();
  std::int64_t seen = 0;
  options.observe = [&](const Batch& batch, const Array& logits) {
    EXPECT_EQ(logits.size(0), std::ssize(batch.samples));
    seen += logits.size(0);
  };
  evaluate(loader, forward, options);
  EXPECT_EQ(seen, 10);
}

TEST(Evaluate, StopsAfterABatch) {
  bool stop = false;
  auto loader = values(10, -1, [&] { return stop; });
  auto options = evaluate_options();
  options.progress = [&](std::int64_t) { stop = true; };
  const auto result = evaluate(loader, forward, options);
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.metrics.images(), 4);
}

}  // namespace
}  // namespace vit::data
