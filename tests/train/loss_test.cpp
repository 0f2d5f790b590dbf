#include "vit/train/loss.h"

#include <gtest/gtest.h>

#include "golden.h"

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
