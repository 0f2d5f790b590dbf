// A whole run against what PyTorch and timm make of the same images (tests/golden/make_loop.py).
#include <gtest/gtest.h>

#include "support/support.h"
#include "vit/core/file.h"
#include "vit/model/weights.h"
#include "vit/train/trainer.h"

namespace vit::train {
namespace {

using vit::testing::golden_path;

TEST(TrainingLoop, EqualsThatOfPyTorchAndTimmInFloat64) {
  const vit::testing::TemporaryFolder folder;
  Log log{LogOptions{"test", LogLevel::kWarning, LogFormat::kText, nullptr}};
  TrainOptions options;
  options.data(golden_path("loop/data"));
  options.model(golden_path("loop/before"));
  options.run().output(folder / "run").log_every(1);
  options.total_steps(50).batch_size(16);
  options.optimizer().lr(5e-3).clip_grad(1.0);
  options.schedule().warmup_steps(5);
  options.loss().smoothing(0);
  options.augment().crop_mode("none").hflip(0);
  auto setup = prepare(options, log);
  setup.model->to(at::kDouble);
  auto model = setup.model;
  std::vector<double> losses;
  TrainCallbacks callbacks;
  callbacks.step = [&](const StepReport& report) { losses.push_back(report.loss); };
  Trainer(options, std::move(setup), log, callbacks).fit();

  const auto expected =
      Json::parse(read_file(golden_path("loop/losses.json"))).get<std::vector<double>>();
  ASSERT_EQ(losses.size(), expected.size());
  // Rounding of float64 that fifty steps make larger.
  for (std::size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected[i], 1e-9) << i;
  const auto after = model::load_model(golden_path("loop/after"));
  const auto found = model::state_dict(*model), wanted = model::state_dict(*after.model);
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& [name, value] = found[i];
    ASSERT_EQ(name, wanted[i].first);
    const auto& other = wanted[i].second;
    const double scale = std::max(other.abs().max().item<double>(), 1e-2);
    // The expected weights are stored in float32.
    EXPECT_LE((value - other).abs().max().item<double>(), 1e-6 * scale) << name;
  }
}

}  // namespace
}  // namespace vit::train
