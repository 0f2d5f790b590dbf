#include "vit/train/objective.h"

#include <gtest/gtest.h>

#include "vit/torch.h"

namespace vit::train {
namespace {

constexpr std::int64_t kClasses = 3;

TrainOptions mixing(double mixup, double cutmix) {
  TrainOptions options;
  options.mix().mixup(mixup);
  options.mix().cutmix(cutmix);
  return options;
}

/// Four images of 4x4, each of one value.
data::Batch batch() {
  data::Batch made;
  made.images = Array({4, 1, 4, 4});
  for (std::int64_t i = 0; i < 4; ++i)
    for (auto& value : made.images.row(i)) value = static_cast<float>(i);
  for (const std::int64_t label : {0, 1, 2, 0}) made.samples.emplace_back().label = label;
  return made;
}

TEST(Objective, LeavesLabelsAndImagesAloneWithoutMixing) {
  auto made = batch();
  const auto targets = Objective(TrainOptions(), kClasses).prepare(made, 0, 0);
  EXPECT_TRUE(at::equal(targets, at::tensor(batch().labels(), at::kLong)));
  EXPECT_EQ(made.images, batch().images);
}

TEST(Objective, MixesImagesAndTargetsByTheSameShare) {
  auto options = mixing(0.8, 0);
  options.loss().smoothing(0);
  auto made = batch();
  const auto targets = Objective(options, kClasses).prepare(made, 0, 0);
  // Image 0 (label 0) with image 3 (label 0); image 1 (label 1) with image 2 (label 2).
  const double share = targets[1][1].item<double>();
  EXPECT_NEAR(targets[1][2].item<double>(), 1 - share, 1e-6);  // float32
  EXPECT_NEAR(made.images.row(1)[0], 1 * share + 2 * (1 - share), 1e-5);
  EXPECT_NEAR(targets[0][0].item<double>(), 1, 1e-6);
}

TEST(Objective, DrawsBySeedEpochAndBatchAlone) {
  const auto images_of = [](std::uint64_t seed, std::int64_t epoch, std::int64_t number) {
    auto options = mixing(0.8, 0);
    options.run().seed(seed);
    auto made = batch();
    Objective(options, kClasses).prepare(made, epoch, number);
    return made.images;
  };
  const auto first = images_of(1, 2, 3);
  EXPECT_EQ(first, images_of(1, 2, 3));
  EXPECT_NE(first, images_of(2, 2, 3));
  EXPECT_NE(first, images_of(1, 3, 3));
  EXPECT_NE(first, images_of(1, 2, 4));
}

TEST(Objective, KeepsSoftTargetsWhereMixingIsOff) {
  auto options = mixing(0.8, 1.0);
  options.mix().off_epoch(2);
  auto made = batch();
  const auto targets = Objective(options, kClasses).prepare(made, 2, 0);
  EXPECT_EQ(made.images, batch().images);
  EXPECT_NEAR(targets[2][2].item<double>(), 0.9 + 0.1 / 3, 1e-6);
  EXPECT_NEAR(targets[2][0].item<double>(), 0.1 / 3, 1e-6);
}

TEST(Objective, IsTheSmoothedCrossEntropyWhereNothingIsMixedYet) {
  auto options = mixing(0.8, 1.0);
  options.mix().off_epoch(1);
  const auto logits = at::arange(12, at::kFloat).reshape({4, kClasses}).sin();
  auto made = batch();
  const Objective soft(options, kClasses), plain(TrainOptions(), kClasses);
  const auto expected = plain.loss(logits, plain.prepare(made, 1, 0)).item<double>();
  EXPECT_NEAR(soft.loss(logits, soft.prepare(made, 1, 0)).item<double>(), expected, 1e-6);
}

TEST(Objective, WeighsTheClassesAsPyTorchDoes) {
  TrainOptions options;
  options.loss().smoothing(0);
  auto made = batch();  // labels 0, 1, 2, 0
  const auto logits = at::arange(12, at::kFloat).reshape({4, kClasses}).sin();
  const Objective plain(options, kClasses), weighted(options, kClasses, {1.0F, 2.0F, 5.0F});
  const auto targets = plain.prepare(made, 0, 0);
  const auto losses = -at::log_softmax(logits, -1).gather(1, targets.unsqueeze(1)).squeeze(1);
  const auto weights = at::tensor(std::vector<float>{1, 2, 5, 1});
  // torch.nn.CrossEntropyLoss(weight): the images' mean by their weights.
  EXPECT_NEAR(weighted.loss(logits, targets).item<double>(),
              ((losses * weights).sum() / weights.sum()).item<double>(), 1e-6);
  auto soft = mixing(0.8, 0);
  soft.loss().smoothing(0);
  soft.mix().off_epoch(1);
  const Objective mixed(soft, kClasses, {1.0F, 2.0F, 5.0F});
  EXPECT_NEAR(mixed.loss(logits, mixed.prepare(made, 1, 0)).item<double>(),
              (losses * weights).mean().item<double>(), 1e-6);
}

TEST(Objective, TakesEachClassByItselfWithBce) {
  TrainOptions options;
  options.loss().bce(true);
  options.loss().smoothing(0.2);
  options.loss().bce_target_thresh(0.5);
  auto made = batch();
  const Objective objective(options, kClasses);
  const auto targets = objective.prepare(made, 0, 0);
  // At logits of zero every class costs log 2.
  EXPECT_NEAR(objective.loss(at::zeros({4, kClasses}), targets).item<double>(), std::log(2.0),
              1e-6);
}

}  // namespace
}  // namespace vit::train
