#include "vit/train/ema.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "vit/core/error.h"

namespace vit::train {
namespace {

using vit::testing::golden_tensor;

struct OneWeight : torch::nn::Module {
  explicit OneWeight(const at::Tensor& start) {
    weight = register_parameter("weight", start.clone());
  }
  at::Tensor weight;
};

TEST(Ema, FollowsAsTimmsDoes) {
  for (const auto& golden : vit::testing::read_golden()["averages"]) {
    OneWeight model(golden_tensor(golden["start"]));
    Ema ema(model, golden["decay"], golden["warmup"]);
    std::int64_t step = 0;
    for (const auto& update : golden["updates"]) {
      model.weight.detach().copy_(golden_tensor(update["weight"]));
      ema.update(step++);
      EXPECT_TRUE(vit::testing::same(ema.state()[0].second, golden_tensor(update["average"])))
          << "update " << step << ", warm-up " << golden["warmup"];
    }
  }
}

TEST(Ema, SwapsWithoutLosingEither) {
  OneWeight model(at::ones({2}));
  Ema ema(model, 0.5, false);
  model.weight.detach().fill_(3.0);
  {
    const Ema::Swapped swapped(&ema);
    EXPECT_TRUE(at::equal(model.weight, at::ones({2})));
    EXPECT_TRUE(at::equal(ema.state()[0].second, at::full({2}, 3.0)));
  }
  EXPECT_TRUE(at::equal(model.weight, at::full({2}, 3.0)));
}

TEST(Ema, GivesTheWeightsBackWhenSomethingThrows) {
  OneWeight model(at::ones({2}));
  Ema ema(model, 0.5, false);
  model.weight.detach().fill_(3.0);
  try {
    const Ema::Swapped swapped(&ema);
    throw DataError("an image that cannot be decoded");
  } catch (const DataError&) {
    EXPECT_TRUE(at::equal(model.weight, at::full({2}, 3.0)));
  }
}

}  // namespace
}  // namespace vit::train
