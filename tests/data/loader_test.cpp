#include "vit/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "support/failing_threads.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Image i is one pixel of value i; some cannot be loaded.
class Numbers : public Dataset {
 public:
  explicit Numbers(std::int64_t size, std::set<std::int64_t> bad = {})
      : size_(size), bad_(std::move(bad)) {}

  std::int64_t size() const override { return size_; }
  std::int64_t label(std::int64_t index) const override { return index % 10; }
  std::string name(std::int64_t index) const override { return "number " + std::to_string(index); }
  Image load(std::int64_t index) const override {
    if (bad_.contains(index)) throw DataError("{}: is bad", name(index));
    Image image(1, 1, 1);
    image.pixels[0] = static_cast<std::uint8_t>(index);
    return image;
  }

 private:
  std::int64_t size_;
  std::set<std::int64_t> bad_;
};

/// The pixel, and a random number beside it.
void pixel_and_noise(const Image& image, Random& random, std::span<float> out) {
  out[0] = image.pixels[0];
  out[1] = static_cast<float>(random.uniform());
}

LoaderOptions options_of(std::int64_t batch_size, std::int64_t workers) {
  LoaderOptions options;
  options.batch_size = batch_size;
  options.workers = workers;
  options.channels = 1;
  options.size = {1, 2};
  options.seed = 5;
  options.epoch = 2;
  return options;
}

std::vector<Batch> all_of(Loader& loader) {
  std::vector<Batch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

std::vector<Batch> load(std::int64_t n, LoaderOptions options) {
  Loader loader(std::make_shared<Numbers>(n), pixel_and_noise, shuffled(n, 1, 1),
                std::move(options));
  return all_of(loader);
}

TEST(Loader, ThrowsWhereAWorkerCannotBeStartedAndEndsThoseBefore) {
  for (const int allowed : {0, 2}) {
    const vit::testing::FailingThreads failing(allowed);
    EXPECT_THROW(load(100, options_of(7, 4)), IoError) << allowed;
  }
}

TEST(Loader, GivesTheSameBatchesWhateverTheNumberOfWorkers) {
  const auto reference = load(100, options_of(7, 0));
  ASSERT_EQ(reference.size(), 15U);
  EXPECT_EQ(reference.back().images.size(0), 2);
  for (const std::int64_t workers : {1, 2, 5}) {
    const auto batches = load(100, options_of(7, workers));
    ASSERT_EQ(batches.size(), reference.size());
    for (std::size_t i = 0; i < batches.size(); ++i) {
      EXPECT_EQ(batches[i].images, reference[i].images);
      EXPECT_EQ(batches[i].labels, reference[i].labels);
      EXPECT_EQ(batches[i].indices, reference[i].indices);
    }
  }
}

TEST(Loader, StartsInTheMiddleOfAnEpoch) {
  const auto reference = load(100, options_of(7, 2));
  auto options = options_of(7, 2);
  options.start_batch = 11;
  const auto rest = load(100, options);
  ASSERT_EQ(rest.size(), 4U);
  for (std::size_t i = 0; i < rest.size(); ++i) EXPECT_EQ(rest[i].images, reference[i + 11].images);
}

TEST(Loader, DropsALastBatchThatIsNotFull) {
  auto options = options_of(7, 1);
  options.drop_last = true;
  EXPECT_EQ(load(100, options).size(), 14U);
}

TEST(Loader, DrawsAnewForEachEpochAndStream) {
  auto options = options_of(100, 1);
  const auto first = load(100, options);
  options.epoch = 3;
  EXPECT_FALSE(load(100, options)[0].images == first[0].images);
  options.epoch = 2;
  options.streams.assign(100, 0);
  EXPECT_FALSE(load(100, options)[0].images == first[0].images);
}

TEST(Loader, RethrowsAtTheBatchWithTheBadImage) {
  for (const std::int64_t workers : {0, 3}) {
    Loader loader(std::make_shared<Numbers>(20, std::set<std::int64_t>{9}), pixel_and_noise,
                  in_order(20), options_of(4, workers));
    EXPECT_TRUE(loader.next().has_value());
    EXPECT_TRUE(loader.next().has_value());
    try {
      loader.next();
      FAIL() << "no error";
    } catch (const DataError& error) {
      EXPECT_STREQ(error.what(), "number 9: is bad");
    }
  }
}

TEST(Loader, NamesTheImageThatATransformCannotTake) {
  const auto refuse = [](const Image&, Random&, std::span<float>) { throw DataError("too odd"); };
  Loader loader(std::make_shared<Numbers>(2), refuse, in_order(2), options_of(2, 1));
  try {
    loader.next();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "number 0: too odd");
    EXPECT_EQ(error.kind(), ErrorKind::kData);
  }
}

TEST(Loader, KeepsErrorsOfBadImagesBesideTheGoodOnes) {
  auto options = options_of(3, 2);
  options.keep_errors = true;
  Loader loader(std::make_shared<Numbers>(3, std::set<std::int64_t>{1}), pixel_and_noise,
                in_order(3), options);
  const auto batch = loader.next();
  ASSERT_TRUE(batch.has_value());
  EXPECT_THAT(batch->errors, ElementsAre("", "number 1: is bad", ""));
  EXPECT_THAT(batch->images.row(1), ::testing::Each(0.0F));
  EXPECT_EQ(batch->images.row(2)[0], 2.0F);
}

TEST(Loader, StopsItsWorkersWhenItIsLeftEarly) {
  Loader loader(std::make_shared<Numbers>(1000), pixel_and_noise, in_order(1000), options_of(2, 4));
  EXPECT_TRUE(loader.next().has_value());
}

TEST(Loader, KeepsNoMoreBatchesThanItsPrefetch) {
  std::atomic<std::int64_t> made = 0;
  const auto count = [&](const Image&, Random&, std::span<float>) { ++made; };
  auto options = options_of(1, 2);
  options.prefetch = 3;
  Loader loader(std::make_shared<Numbers>(100), count, in_order(100), options);
  loader.next();
  // One taken and three ahead; more would never come, however long one waits.
  while (made < 4) std::this_thread::yield();
  EXPECT_EQ(made, 4);
}

TEST(Loader, KeepsEveryWorkerBusyWithBatchesOfOne) {
  std::atomic<int> inside = 0;
  const auto meet = [&](const Image&, Random&, std::span<float>) {
    ++inside;
    while (inside < 8) std::this_thread::yield();  // ends only if all eight work at once
  };
  Loader loader(std::make_shared<Numbers>(8), meet, in_order(8), options_of(1, 8));
  EXPECT_EQ(all_of(loader).size(), 8U);
}

TEST(Loader, RefusesOptionsThatCannotBe) {
  const auto make = [](LoaderOptions options, std::vector<std::int64_t> indices) {
    Loader loader(std::make_shared<Numbers>(3), pixel_and_noise, std::move(indices), options);
  };
  EXPECT_THROW(make(options_of(0, 1), {0}), UsageError);
  EXPECT_THROW(make(options_of(1, -1), {0}), UsageError);
  EXPECT_THROW(make(options_of(1, 1), {3}), UsageError);
}

TEST(Shuffled, IsAPermutationThatChangesWithSeedAndEpoch) {
  const auto order = shuffled(1000, 1, 2);
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, in_order(1000));
  EXPECT_EQ(order, shuffled(1000, 1, 2));
  EXPECT_NE(order, shuffled(1000, 1, 3));
  EXPECT_NE(order, shuffled(1000, 2, 2));
}

}  // namespace
}  // namespace vit::data
