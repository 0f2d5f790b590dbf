#include "vit/train/loss.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "vit/data/mix.h"

namespace vit::train {
namespace {

TEST(SmoothedCrossEntropy, EqualsTimms) {
  const auto golden = vit::testing::read_golden()["losses"];
  const auto logits = vit::testing::golden_tensor(golden["logits"]);
  const auto targets = at::tensor(golden["targets"].get<std::vector<std::int64_t>>(), at::kLong);
  for (const auto& loss : golden["losses"])
    EXPECT_NEAR(smoothed_cross_entropy(logits, targets, loss["smoothing"]).item<double>(),
                loss["value"].get<double>(), vit::testing::kDoubleTolerance);
}

TEST(SmoothedCrossEntropy, IsFloat32ForBf16Logits) {
  const auto loss =
      smoothed_cross_entropy(at::ones({2, 3}, at::kBFloat16), at::zeros({2}, at::kLong), 0.1);
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
}

TEST(SoftLosses, EqualTimms) {
  const auto golden = vit::testing::read_golden()["soft_losses"];
  const auto logits = vit::testing::golden_tensor(golden["logits"]);
  const auto shares = vit::testing::golden_tensor(golden["shares"]);
  const auto labels = golden["labels"].get<std::vector<std::int64_t>>();
  for (const auto& loss : golden["losses"]) {
    if (loss["kind"] == "soft") {
      EXPECT_NEAR(soft_target_cross_entropy(logits, shares).item<double>(),
                  loss["value"].get<double>(), vit::testing::kDoubleTolerance);
      continue;
    }
    BceOptions options;
    options.sum_classes = loss["sum"];
    if (!loss["thresh"].is_null()) options.target_thresh = loss["thresh"].get<double>();
    EXPECT_NEAR(binary_cross_entropy(logits, shares, options).item<double>(),
                loss["of_shares"].get<double>(), vit::testing::kDoubleTolerance);
    const auto one_hot = data::one_hot(labels, 5, loss["smoothing"]);
    const auto targets = at::tensor(one_hot, at::kFloat).reshape({6, 5}).to(at::kDouble);
    // The targets are float32 here: 6e-8 of values that are at most 1, times logits below 10.
    EXPECT_NEAR(binary_cross_entropy(logits, targets, options).item<double>(),
                loss["of_labels"].get<double>(), 1e-5);
  }
}

VisionTransformer tiny_distilled(const std::string& dist_head) {
  return VisionTransformer(VisionTransformerOptions()
                               .img_size({8, 8})
                               .patch_size({4, 4})
                               .in_c(1)
                               .num_classes(3)
                               .embed_dim(8)
                               .depth(1)
                               .num_heads(2)
                               .distilled(true)
                               .dist_head(dist_head));
}

TEST(TrainingLogits, AreTheMeanOfBothHeadsOfTimmsDistilledModel) {
  const auto model = tiny_distilled("timm");
  const model::VisionTransformerOutput output{at::full({2, 3}, 1.0), at::full({2, 3}, 4.0)};
  EXPECT_TRUE(at::equal(training_logits(model, output), at::full({2, 3}, 2.5)));
}

TEST(TrainingLogits, AreTheFirstHeadsOfTheSeedsDistilledModel) {
  const auto model = tiny_distilled("seed");
  const model::VisionTransformerOutput output{at::full({2, 3}, 1.0), at::full({2, 4, 3}, 4.0)};
  EXPECT_TRUE(at::equal(training_logits(model, output), output.logits));
}

}  // namespace
}  // namespace vit::train
