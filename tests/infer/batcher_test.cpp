// The batching of the example server (tests/install).
#include "install/batcher.h"

#include <gtest/gtest.h>

#include "support/small_model.h"
#include "vit/core/error.h"

namespace vit::infer {
namespace {

using vit::testing::small_model;

TEST(Batcher, AnswersEachOfManyThreadsWithItsOwnLogits) {
  const Predictor predictor(small_model());
  Batcher batcher(predictor, 4, std::chrono::milliseconds(1));
  std::vector<std::future<bool>> threads;
  for (int t = 0; t < 6; ++t)
    threads.push_back(std::async(std::launch::async, [&] {
      for (int i = 0; i < 5; ++i) {
        const auto x = at::randn({1, 3, 32, 32});
        const auto expected = predictor.predict(x)[0];
        // A larger batch may be summed in another order: a few roundings of float32.
        if (!at::allclose(batcher.submit(x).get(), expected, 1e-5, 1e-6)) return false;
      }
      return true;
    }));
  for (auto& thread : threads) EXPECT_TRUE(thread.get());
}

TEST(Batcher, HandsTheModelsErrorToWhoAsked) {
  const Predictor predictor(small_model());
  Batcher batcher(predictor, 4, std::chrono::milliseconds(0));
  EXPECT_THROW(batcher.submit(at::randn({1, 1, 32, 32})).get(), DataError);
  EXPECT_EQ(batcher.submit(at::randn({1, 3, 32, 32})).get().size(0), 5);
}

TEST(Batcher, AnswersWhatWaitsBeforeItIsGone) {
  const Predictor predictor(small_model());
  std::vector<std::future<at::Tensor>> answers;
  {
    Batcher batcher(predictor, 2, std::chrono::hours(1));
    for (int i = 0; i < 5; ++i) answers.push_back(batcher.submit(at::randn({1, 3, 32, 32})));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get().size(0), 5);
}

}  // namespace
}  // namespace vit::infer
