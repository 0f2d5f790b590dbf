#include "vit/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <thread>

#include "support/failing_threads.h"
#include "support/numbers.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Numbers;

/// The pixel, and a random number beside it.
void pixel_and_noise(const Image& image, Random& random, std::span<float> out) {
  out[0] = image.pixels[0];
  out[1] = static_cast<float>(random.uniform());
}

constexpr std::array<std::int64_t, 3> kShape{1, 1, 2};

LoaderOptions options_of(std::int64_t batch_size, std::int64_t workers) {
  LoaderOptions options;
  options.shape = kShape;
  options.batch_size = batch_size;
  options.workers = workers;
  return options;
}

EpochOptions pass() {
  EpochOptions options;
  options.seed = 5;
  options.epoch = 2;
  return options;
}

std::unique_ptr<SampleSource> numbers(std::int64_t n, std::set<std::int64_t> bad = {}) {
  return epoch_samples(std::make_shared<Numbers>(n, std::move(bad)), pixel_and_noise, in_order(n),
                       pass());
}

std::vector<Batch> all_of(Loader& loader) {
  std::vector<Batch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

std::vector<Batch> load(std::int64_t n, LoaderOptions options, EpochOptions how = pass()) {
  Loader loader(epoch_samples(std::make_shared<Numbers>(n), pixel_and_noise, shuffled(n, 1, 1),
                              std::move(how)),
                std::move(options));
  return all_of(loader);
}

EvalTransform grey_transform() {
  Preprocessing preprocessing;
  preprocessing.mean = preprocessing.std = {0.5};
  return {preprocessing, {1, 2}, 1};
}

std::vector<std::int64_t> indices(const Batch& batch) {
  std::vector<std::int64_t> found;
  for (const auto& sample : batch.samples) found.push_back(sample.index);
  return found;
}

TEST(Loader, ThrowsWhereAThreadCannotBeStartedAndEndsThoseBefore) {
  for (const int allowed : {0, 2, 4}) {  // no worker, two of four, all of them but no reader
    const vit::testing::FailingThreads failing(allowed);
    EXPECT_THROW(load(100, options_of(7, 4)), IoError) << allowed;
  }
}

TEST(Loader, SaysHowMuchMemoryABatchAskedFor) {
  for (const std::int64_t workers : {0, 1}) {
    Loader loader(numbers(10), options_of(INT64_C(1) << 61, workers));
    try {
      loader.next();
      FAIL();
    } catch (const IoError& error) {
      EXPECT_STREQ(
          error.what(),
          "not enough memory: 16.00 EiB asked for, for a batch of 2305843009213693952 samples "
          "of 1 × 1 × 2");
    }
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
      EXPECT_EQ(batches[i].labels(), reference[i].labels());
      EXPECT_EQ(indices(batches[i]), indices(reference[i]));
    }
  }
}

TEST(Loader, StartsInTheMiddleOfAnEpoch) {
  const auto reference = load(100, options_of(7, 2));
  auto how = pass();
  how.begin = 11 * 7;
  const auto rest = load(100, options_of(7, 2), how);
  ASSERT_EQ(rest.size(), 4U);
  for (std::size_t i = 0; i < rest.size(); ++i) EXPECT_EQ(rest[i].images, reference[i + 11].images);
}

TEST(Loader, DrawsAnewForEachEpochAndStream) {
  const auto first = load(100, options_of(100, 1));
  auto how = pass();
  how.epoch = 3;
  EXPECT_FALSE(load(100, options_of(100, 1), how)[0].images == first[0].images);
  how.epoch = 2;
  how.streams.assign(100, 0);
  EXPECT_FALSE(load(100, options_of(100, 1), how)[0].images == first[0].images);
}

TEST(Loader, KeepsABadImagesErrorBesideZeros) {
  for (const std::int64_t workers : {0, 2}) {
    Loader loader(numbers(3, {1}), options_of(3, workers));
    const auto batch = loader.next();
    ASSERT_TRUE(batch.has_value());
    EXPECT_FALSE(batch->samples[0].error);
    EXPECT_EQ(error_message(batch->samples[1].error), "number 1: is bad");
    EXPECT_THROW(check_samples(*batch), DataError);
    EXPECT_THAT(batch->images.row(1), ::testing::Each(0.0F));
    EXPECT_EQ(batch->images.row(2)[0], 2.0F);
  }
}

TEST(Loader, NamesTheImageThatATransformCannotTake) {
  const auto refuse = [](const Image&, Random&, std::span<float>) { throw DataError("too odd"); };
  Loader loader(epoch_samples(std::make_shared<Numbers>(2), refuse, in_order(2), pass()),
                options_of(2, 1));
  const auto batch = loader.next();
  EXPECT_EQ(error_message(batch->samples[0].error), "number 0: too odd");
}

TEST(Loader, StopsItsWorkersWhenItIsLeftEarly) {
  Loader loader(numbers(1000), options_of(2, 4));
  EXPECT_TRUE(loader.next().has_value());
}

TEST(Loader, KeepsNoMoreBatchesThanItsPrefetch) {
  std::atomic<std::int64_t> made = 0;
  const auto count = [&](const Image&, Random&, std::span<float>) { ++made; };
  auto options = options_of(1, 2);
  options.prefetch = 3;
  Loader loader(epoch_samples(std::make_shared<Numbers>(100), count, in_order(100), pass()),
                options);
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
  Loader loader(epoch_samples(std::make_shared<Numbers>(8), meet, in_order(8), pass()),
                options_of(1, 8));
  EXPECT_EQ(all_of(loader).size(), 8U);
}

TEST(Loader, RefusesOptionsThatCannotBe) {
  EXPECT_THROW(Loader(numbers(3), options_of(0, 1)), UsageError);
  EXPECT_THROW(Loader(numbers(3), options_of(1, -1)), UsageError);
}

TEST(Loader, EndsAtOnceWithoutSamples) {
  for (const std::int64_t workers : {0, 2}) {
    Loader loader(numbers(0), options_of(4, workers));
    EXPECT_FALSE(loader.next().has_value());
  }
}

TEST(Loader, KeepsImagesOnlyWhereTheyAreWanted) {
  const auto transform = grey_transform();
  const auto image_of = [&](bool keep) {
    auto options = options_of(1, 1);
    options.keep_images = keep;
    Loader loader(dataset_samples(
                      std::make_shared<Numbers>(1), [&]() -> const auto& { return transform; }),
                  options);
    return loader.next()->samples[0].image;
  };
  EXPECT_TRUE(image_of(false).pixels.empty());
  EXPECT_EQ(image_of(true).pixels.size(), 2U);
}

TEST(Loader, EndsEarlyWhenStopping) {
  for (const std::int64_t workers : {0, 1}) {
    std::atomic<bool> stop = false;
    auto options = options_of(1, workers);
    options.stopping = [&] { return stop.load(); };
    Loader loader(numbers(1000), options);
    EXPECT_TRUE(loader.next().has_value());
    stop = true;
    EXPECT_FALSE(loader.next().has_value());
  }
}

/// Three samples, then an error of the source itself.
class BrokenSource : public SampleSource {
 public:
  std::optional<Sample> next() override {
    if (drawn_ == 3) throw IoError("the list cannot be read");
    return Sample{std::to_string(drawn_++), -1, -1, [](std::span<float>, Image*) {}};
  }

 private:
  int drawn_ = 0;
};

TEST(Loader, HandsOutTheSamplesBeforeItsSourceBreaks) {
  for (const std::int64_t workers : {0, 2}) {
    Loader loader(std::make_unique<BrokenSource>(), options_of(2, workers));
    EXPECT_EQ(loader.next()->samples.size(), 2U);
    EXPECT_EQ(loader.next()->samples.size(), 1U);
    EXPECT_THROW(loader.next(), IoError);
  }
}

/// One sample, then nothing until it is cancelled: a pipe that nobody writes to.
class SilentSource : public SampleSource {
 public:
  std::optional<Sample> next() override {
    if (drawn_++ == 0) return Sample{"first", -1, -1, [this](auto&&...) { loaded = true; }};
    while (!cancelled()) std::this_thread::yield();
    return std::nullopt;
  }

  std::atomic<bool> loaded = false;

 private:
  int drawn_ = 0;
};

TEST(Loader, LoadsWhatIsThereWhileTheSourceIsSilent) {
  auto source = std::make_unique<SilentSource>();
  const auto& loaded = source->loaded;
  Loader loader(std::move(source), options_of(2, 1));
  while (!loaded) std::this_thread::yield();  // ends only if it does
}

TEST(EpochSamples, RefuseIndicesThatAreNotTheDatasets) {
  const auto make = [](std::vector<std::int64_t> indices, std::vector<std::uint64_t> streams) {
    auto how = pass();
    how.streams = std::move(streams);
    epoch_samples(std::make_shared<Numbers>(3), pixel_and_noise, std::move(indices), how);
  };
  EXPECT_THROW(make({3}, {}), UsageError);
  EXPECT_THROW(make({-1}, {}), UsageError);
  EXPECT_THROW(make({0, 1}, {0}), UsageError);
}

TEST(DatasetSamples, CarryTheLabelsOfTheModelsClasses) {
  const auto transform = grey_transform();
  const auto source =
      dataset_samples(std::make_shared<Numbers>(2), [&]() -> const auto& { return transform; },
                      {7, 3, 0, 0, 0, 0, 0, 0, 0, 0});
  const auto first = source->next();
  EXPECT_EQ(first->name, "number 0");
  EXPECT_EQ(first->label, 7);
  EXPECT_EQ(source->next()->label, 3);
  EXPECT_FALSE(source->next().has_value());
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
