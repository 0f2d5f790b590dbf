#include "train/bad_images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "support/numbers.h"
#include "vit/core/error.h"

namespace vit::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Numbers of two classes each, whose bad ones are files that are gone.
class Numbers : public testing::Numbers {
 public:
  Numbers(std::int64_t size, std::set<std::int64_t> bad) : testing::Numbers(size, std::move(bad)) {
    is_multi_label_ = true;
  }
  std::vector<std::int64_t> labels(std::int64_t index) const override { return {index, index + 1}; }

 private:
  void refuse(const std::string& name) const override { throw IoError("{}: is gone", name); }
};

void pixel(const data::Image& image, Random&, std::span<float> out) { out[0] = image.pixels[0]; }

/// A batch as the loader gives it.
data::Batch batch_of(const std::shared_ptr<const data::Dataset>& dataset,
                     std::vector<std::int64_t> indices) {
  data::LoaderOptions options;
  options.shape = {1, 1, 1};
  options.batch_size = std::ssize(indices);
  options.workers = 0;
  data::Loader loader(data::epoch_samples(dataset, pixel, std::move(indices), {}), options);
  return loader.next().value();
}

std::vector<float> pixels(const data::Batch& batch) {
  return {batch.images.data.begin(), batch.images.data.end()};
}

TEST(BadImages, BecomeTheNextGoodOnesWithTheirLabels) {
  const auto dataset = std::make_shared<Numbers>(12, std::set<std::int64_t>{3, 4, 11});
  auto batch = batch_of(dataset, {7, 3, 11, 5});
  std::vector<std::int64_t> found;
  BadImages(dataset, pixel, 1).replace(batch, 0, 0, [&](std::int64_t index, const auto& what) {
    found.push_back(index);
    EXPECT_THAT(what, HasSubstr("is gone"));
  });
  // 4, which nobody asked for, is passed over and not told; behind the last comes the first.
  EXPECT_THAT(found, ElementsAre(3, 11));
  EXPECT_THAT(pixels(batch), ElementsAre(7, 5, 0, 5));
  EXPECT_THAT(batch.labels(), ElementsAre(7, 5, 0, 5));
  EXPECT_THAT(batch.samples[1].labels, ElementsAre(5, 6));
  EXPECT_EQ(batch.samples[2].index, 0);
  EXPECT_NO_THROW(data::check_samples(batch));
}

TEST(BadImages, AreReplacedByTheSameWhateverTheirBatchIs) {
  const auto noise = [](const data::Image&, Random& random, std::span<float> out) {
    out[0] = static_cast<float>(random.uniform());
  };
  const auto dataset = std::make_shared<Numbers>(12, std::set<std::int64_t>{3});
  auto whole = batch_of(dataset, {7, 3}), alone = batch_of(dataset, {3});
  const BadImages images(dataset, noise, 1);
  const auto ignore = [](std::int64_t, const std::string&) {};
  images.replace(whole, 2, 10, ignore);
  images.replace(alone, 2, 11, ignore);
  EXPECT_EQ(pixels(whole)[1], pixels(alone)[0]);
}

TEST(BadImages, EndARunWhereTwentyAreBadInARow) {
  std::set<std::int64_t> bad;
  for (std::int64_t i = 0; i < 19; ++i) bad.insert(i);
  const auto ignore = [](std::int64_t, const std::string&) {};
  const auto nineteen = std::make_shared<Numbers>(40, bad);
  auto batch = batch_of(nineteen, {0});
  BadImages(nineteen, pixel, 1).replace(batch, 0, 0, ignore);
  EXPECT_THAT(pixels(batch), ElementsAre(19));

  bad.insert(19);
  const auto twenty = std::make_shared<Numbers>(40, bad);
  batch = batch_of(twenty, {0});
  EXPECT_THROW(BadImages(twenty, pixel, 1).replace(batch, 0, 0, ignore), DataError);
}

TEST(BadImages, AreNotWhatOtherwiseGoesWrong) {
  const auto dataset = std::make_shared<Numbers>(4, std::set<std::int64_t>{1});
  auto batch = batch_of(dataset, {1});
  batch.samples[0].error = std::make_exception_ptr(std::bad_alloc());
  const auto ignore = [](std::int64_t, const std::string&) {};
  EXPECT_THROW(BadImages(dataset, pixel, 1).replace(batch, 0, 0, ignore), std::bad_alloc);
}

}  // namespace
}  // namespace vit::train
