// The batching of the example server (tests/install).
#include "install/batcher.h"

#include <gtest/gtest.h>

#include "support/small_model.h"
#include "support/tensor_predictor.h"
#include "vit/core/error.h"

namespace vit::infer {
namespace {

using vit::testing::small_model;

TEST(Batcher, AnswersEachOfManyThreadsWithItsOwnLogits) {
  const auto predictor = vit::testing::module_predictor(small_model());
  Batcher batcher(predictor, 4, std::chrono::milliseconds(1));
  std::vector<std::future<bool>> threads;
  for (int t = 0; t < 6; ++t)
    threads.push_back(std::async(std::launch::async, [&] {
      for (int i = 0; i < 5; ++i) {
        const auto x = to_array(at::randn({1, 3, 32, 32}));
        const auto expected = to_tensor(predictor.predict(x))[0];
        // A larger batch may be summed in another order: a few roundings of float32.
        const auto found = at::tensor(batcher.submit(x).get());
        if (!at::allclose(found, expected, 1e-5, 1e-6)) return false;
      }
      return true;
    }));
  for (auto& thread : threads) EXPECT_TRUE(thread.get());
}

TEST(Batcher, HandsTheModelsErrorToWhoAsked) {
  const auto predictor = vit::testing::module_predictor(small_model());
  Batcher batcher(predictor, 4, std::chrono::milliseconds(0));
  EXPECT_THROW(batcher.submit(Array({1, 1, 32, 32})).get(), DataError);
  EXPECT_EQ(batcher.submit(Array({1, 3, 32, 32})).get().size(), 5U);
}

TEST(Batcher, AnswersWhatWaitsBeforeItIsGone) {
  const auto predictor = vit::testing::module_predictor(small_model());
  std::vector<std::future<std::vector<float>>> answers;
  {
    Batcher batcher(predictor, 2, std::chrono::hours(1));
    for (int i = 0; i < 5; ++i) answers.push_back(batcher.submit(Array({1, 3, 32, 32})));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get().size(), 5U);
}

}  // namespace
}  // namespace vit::infer
