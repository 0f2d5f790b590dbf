#include "train/prepared_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <vector>

#include "support/numbers.h"
#include "vit/core/error.h"
#include "vit/torch.h"

namespace vit::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kNumberCount = 12;

/// Batches of three of the numbers 0 to 11; 7 cannot be loaded.
PreparedBatches make_batches(bool ahead, PreparedBatches::Prepare prepare) {
  std::vector<std::int64_t> order(kNumberCount);
  std::iota(order.begin(), order.end(), 0);
  const auto dataset = std::make_shared<testing::Numbers>(kNumberCount, std::set<std::int64_t>{7});
  const auto pixel = [](const data::Image& image, Random&, std::span<float> out) {
    out[0] = image.pixels[0];
  };
  data::LoaderOptions options;
  options.shape = {1, 1, 1};
  options.batch_size = 3;
  options.workers = 2;
  return {data::epoch_samples(dataset, pixel, order, {}), options, ahead, /*first=*/4,
          std::move(prepare)};
}

class PreparedBatchesTest : public ::testing::TestWithParam<bool> {};

TEST_P(PreparedBatchesTest, ComeInOrderWithTheirNumbers) {
  auto batches =
      make_batches(GetParam(), [](data::Batch batch, std::int64_t number, PreparedBatch& prepared) {
        for (const auto& sample : batch.samples) {
          prepared.indices.push_back(sample.index);
          if (sample.error) prepared.bad.emplace_back(sample.index, "bad");
        }
        prepared.targets = at::tensor({number});
        prepared.images = to_tensor(std::move(batch.images));
      });
  for (std::int64_t i = 0; i < kNumberCount / 3; ++i) {
    const auto batch = batches.next();
    ASSERT_FALSE(batch.error);
    EXPECT_EQ(batch.targets.item<std::int64_t>(), 4 + i);
    EXPECT_THAT(batch.indices, ElementsAre(3 * i, 3 * i + 1, 3 * i + 2));
    EXPECT_EQ(batch.images[0].item<float>(), static_cast<float>(3 * i));
    EXPECT_EQ(batch.bad.size(), i == 2 ? 1U : 0U);
  }
  EXPECT_THROW(batches.next(), std::bad_optional_access);
}

TEST_P(PreparedBatchesTest, ReportAnErrorAfterTheGoodOnes) {
  auto batches = make_batches(GetParam(),
                              [](const data::Batch&, std::int64_t number, PreparedBatch& prepared) {
                                prepared.bad.emplace_back(number, "bad");
                                if (number == 5) throw DataError("batch {} is bad", number);
                              });
  EXPECT_FALSE(batches.next().error);
  const auto bad = batches.next();
  ASSERT_TRUE(bad.error);
  EXPECT_THAT(error_message(bad.error), HasSubstr("batch 5 is bad"));
  EXPECT_EQ(bad.bad.size(), 1U);
}

TEST_P(PreparedBatchesTest, CanBeLeftInTheMiddle) {
  auto batches = make_batches(GetParam(), [](const data::Batch&, std::int64_t, PreparedBatch&) {});
  batches.next();
}

TEST(PreparedBatches, AreMadeWhileAStepRuns) {
  std::promise<void> second;
  auto batches =
      make_batches(/*ahead=*/true, [&](const data::Batch&, std::int64_t number, PreparedBatch&) {
        if (number == 5) second.set_value();
      });
  batches.next();
  // Nobody has asked for it.
  EXPECT_EQ(second.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
}

INSTANTIATE_TEST_SUITE_P(Ahead, PreparedBatchesTest, ::testing::Bool());

}  // namespace
}  // namespace vit::train
