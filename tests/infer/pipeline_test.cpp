#include "vit/infer/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "support/failing_threads.h"
#include "vit/core/error.h"

namespace vit::infer {
namespace {

/// Inputs 0 … count − 1, each filled with its number; `bad` throws. Counts what is under way.
class Numbers : public InputSource {
 public:
  explicit Numbers(std::int64_t count, std::int64_t bad = -1) : count_(count), bad_(bad) {}

  std::optional<Input> next() override {
    if (cancelled() || drawn >= count_) return std::nullopt;
    const auto number = drawn++;
    return Input{std::to_string(number), number % 3,
                 [number, this](std::span<float> chw, data::Image* image) {
                   if (number == bad_) throw DataError("{}: bad", number);
                   std::fill(chw.begin(), chw.end(), static_cast<float>(number));
                   if (image != nullptr) *image = data::Image(1, 1, 1);
                 }};
  }

  std::atomic<std::int64_t> drawn = 0;

 private:
  std::int64_t count_, bad_;
};

PipelineOptions options_of(std::int64_t batch_size, std::int64_t workers) {
  PipelineOptions options;
  options.shape = {1, 1, 2};
  options.batch_size = batch_size;
  options.workers = workers;
  return options;
}

TEST(Pipeline, ThrowsWhereItsThreadsCannotBeStarted) {
  for (const int allowed : {0, 2, 4}) {  // no worker, two of four, all of them but no reader
    const testing::FailingThreads failing(allowed);
    EXPECT_THROW(Pipeline(std::make_unique<Numbers>(10), options_of(4, 4)), IoError) << allowed;
  }
}

TEST(Pipeline, SaysHowMuchMemoryABatchAskedFor) {
  auto options = options_of(INT64_C(1) << 45, 1);
  Pipeline pipeline(std::make_unique<Numbers>(10), options);
  try {
    pipeline.next();
    FAIL();
  } catch (const IoError& error) {
    EXPECT_STREQ(error.what(),
                 "not enough memory: 256.00 TiB asked for, for a batch of 35184372088832 inputs of "
                 "1 × 1 × 2");
  }
}

TEST(Pipeline, HandsOutBatchesInOrder) {
  for (const std::int64_t workers : {0, 1, 4}) {
    Pipeline pipeline(std::make_unique<Numbers>(10), options_of(4, workers));
    std::int64_t expected = 0;
    std::vector<std::int64_t> sizes;
    while (auto batch = pipeline.next()) {
      sizes.push_back(batch->images.size(0));
      for (std::size_t i = 0; i < batch->inputs.size(); ++i, ++expected) {
        EXPECT_EQ(batch->inputs[i].name, std::to_string(expected));
        EXPECT_EQ(batch->inputs[i].label, expected % 3);
        for (const auto value : batch->images.row(static_cast<std::int64_t>(i)))
          EXPECT_EQ(value, static_cast<float>(expected));
      }
    }
    EXPECT_EQ(sizes, (std::vector<std::int64_t>{4, 4, 2}));
  }
}

TEST(Pipeline, EndsAtOnceWithoutInputs) {
  Pipeline pipeline(std::make_unique<Numbers>(0), options_of(4, 2));
  EXPECT_FALSE(pipeline.next().has_value());
}

TEST(Pipeline, KeepsABadInputsErrorBesideZeros) {
  Pipeline pipeline(std::make_unique<Numbers>(3, 1), options_of(3, 2));
  const auto batch = pipeline.next();
  ASSERT_TRUE(batch->inputs[1].error);
  EXPECT_EQ(error_message(batch->inputs[1].error), "1: bad");
  EXPECT_FALSE(batch->inputs[2].error);
  EXPECT_EQ(batch->images.row(1)[0], 0.0F);
}

TEST(Pipeline, KeepsImagesOnlyWhereTheyAreWanted) {
  auto options = options_of(1, 1);
  Pipeline without(std::make_unique<Numbers>(1), options);
  EXPECT_TRUE(without.next()->inputs[0].image.pixels.empty());
  options.keep_images = true;
  Pipeline with(std::make_unique<Numbers>(1), options);
  EXPECT_EQ(with.next()->inputs[0].image.pixels.size(), 1U);
}

TEST(Pipeline, DrawsNoMoreThanItsPrefetch) {
  auto source = std::make_unique<Numbers>(1'000'000);
  const auto& drawn = source->drawn;
  auto options = options_of(2, 2);
  options.prefetch = 3;
  Pipeline pipeline(std::move(source), options);
  for (std::int64_t taken = 1; taken <= 50; ++taken) {
    pipeline.next();
    // Taken, waiting, and one in the making.
    EXPECT_LE(drawn, 2 * (taken + options.prefetch + 1));
  }
}

TEST(Pipeline, EndsEarlyWhenStopping) {
  std::atomic<bool> stop = false;
  auto options = options_of(1, 1);
  options.stopping = [&] { return stop.load(); };
  Pipeline pipeline(std::make_unique<Numbers>(1'000'000), options);
  EXPECT_TRUE(pipeline.next().has_value());
  stop = true;
  EXPECT_FALSE(pipeline.next().has_value());
}

/// Three inputs, then an error of the source itself.
class BrokenSource : public InputSource {
 public:
  std::optional<Input> next() override {
    if (drawn_ == 3) throw IoError("the list cannot be read");
    return Input{std::to_string(drawn_++), -1, [](std::span<float>, data::Image*) {}};
  }

 private:
  int drawn_ = 0;
};

TEST(Pipeline, HandsOutTheInputsBeforeItsSourceBreaks) {
  Pipeline pipeline(std::make_unique<BrokenSource>(), options_of(2, 2));
  EXPECT_EQ(pipeline.next()->inputs.size(), 2U);
  EXPECT_EQ(pipeline.next()->inputs.size(), 1U);
  EXPECT_THROW(pipeline.next(), IoError);
}

TEST(Pipeline, CanBeLeftInTheMiddle) {
  Pipeline pipeline(std::make_unique<Numbers>(1'000'000), options_of(8, 4));
  pipeline.next();
}

}  // namespace
}  // namespace vit::infer
