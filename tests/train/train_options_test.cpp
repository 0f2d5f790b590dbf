#include "vit/train/train_options.h"

#include <gtest/gtest.h>

#include "vit/train/recipe.h"

namespace vit::train {
namespace {

TrainOptions minimal() {
  TrainOptions options;
  options.data("data");
  options.run().output("run");
  return options;
}

TEST(TrainOptions, ComeBackFromJson) {
  auto options = minimal();
  options.img_size(Size2d{28, 32});
  options.optimizer().layer_decay(0.65);
  options.labels({"a", "b"});
  TrainOptions back;
  fields_from_json(back, Json::parse(fields_to_json(options).dump()), "args.json");
  EXPECT_TRUE(fields_equal(options, back));
}

TEST(TrainOptions, RefuseWhatCannotBe) {
  const std::vector<std::function<void(TrainOptions&)>> faults{
      [](TrainOptions& o) { o.data().clear(); },
      [](TrainOptions& o) { o.epochs(0); },
      [](TrainOptions& o) { o.optimizer().opt("adamx"); },
      [](TrainOptions& o) { o.schedule().sched("sine"); },
      [](TrainOptions& o) { o.amp("fp8"); },
      [](TrainOptions& o) { o.optimizer().lr(NAN); },
      [](TrainOptions& o) { o.loss().smoothing(1.5); },
      [](TrainOptions& o) { o.run().keep(1); },
      [](TrainOptions& o) { o.optimizer().opt_betas({0.9}); },
      [](TrainOptions& o) { o.regularization().ema(INFINITY); },
      [](TrainOptions& o) {
        o.optimizer().opt_betas({0.9, 1.0});
      },
      [](TrainOptions& o) { o.optimizer().opt_eps(0); },
      [](TrainOptions& o) { o.regularization().ema(1); },
      [](TrainOptions& o) { o.optimizer().clip_grad(0); },
      [](TrainOptions& o) { o.optimizer().layer_decay(0); },
      [](TrainOptions& o) { o.std({0.0}); },
      [](TrainOptions& o) { o.mean({NAN}); },
      [](TrainOptions& o) {
        o.augment().scale({0.5, 0.1});
      },
      [](TrainOptions& o) { o.augment().ratio({1.0}); },
      [](TrainOptions& o) { o.augment().re_prob(1.5); },
      [](TrainOptions& o) { o.augment().re_mode("none"); },
      [](TrainOptions& o) { o.augment().crop_mode("center"); },
      [](TrainOptions& o) { o.augment().interpolation("cubic"); },
      [](TrainOptions& o) { o.run().device("meta"); },
      [](TrainOptions& o) { o.run().threads(0); },
      [](TrainOptions& o) { o.optimizer().momentum(1); },
      [](TrainOptions& o) { o.mix().mixup(-1); },
      [](TrainOptions& o) { o.mix().mixup(0.8), o.mix().mode("half"); },
      [](TrainOptions& o) { o.mix().cutmix(1), o.mix().prob(2); },
      [](TrainOptions& o) { o.mix().mixup(0.8), o.batch_size(7); },
      [](TrainOptions& o) { o.loss().bce_target_thresh(-0.1); },
      [](TrainOptions& o) { o.repeated_aug(0.5); },
      [](TrainOptions& o) {
        o.img_size(Size2d{0, 8});
      }};
  EXPECT_NO_THROW(check_options(minimal()));
  for (std::size_t i = 0; i < faults.size(); ++i) {
    auto options = minimal();
    faults[i](options);
    EXPECT_THROW(check_options(options), UsageError) << "fault " << i;
  }
}

TEST(TrainOptions, NameTheFieldThatIsWrong) {
  auto options = minimal();
  options.augment().re_prob(2);
  try {
    check_options(options);
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "reprob: expected a number from 0 to 1, found 2");
  }
}

TEST(TrainOptions, KeepAnyBytesOfAPathInJson) {
  auto options = minimal();
  options.data("caf\xE9/\\x41 \xC3\xA9");
  options.labels({"\xFF", "b"});
  const auto text = options_to_json(options).dump();
  const auto back = options_from_json(Json::parse(text), "args.json");
  EXPECT_EQ(back.data(), options.data());
  EXPECT_EQ(back.labels(), options.labels());
}

TEST(PeakLr, ScalesTheBaseWithTheGlobalBatchAndTakesLrAsItIs) {
  auto options = minimal();
  options.optimizer().lr_base(5e-4);
  options.optimizer().lr_base_size(512);
  options.batch_size(128);
  options.accum(2);
  EXPECT_DOUBLE_EQ(peak_lr(options), 2.5e-4);
  options.optimizer().lr(1e-2);
  EXPECT_DOUBLE_EQ(peak_lr(options), 1e-2);
}

TEST(LoaderWorkers, AreThoseAskedForOrByTheDevice) {
  RunOptions options;
  EXPECT_EQ(loader_workers(options, /*on_cpu=*/true), 1);
  EXPECT_EQ(loader_workers(options, /*on_cpu=*/false), std::min(available_cores(), 8));
  options.workers(0);
  EXPECT_EQ(loader_workers(options, /*on_cpu=*/false), 0);
  options.workers(3);
  EXPECT_EQ(loader_workers(options, /*on_cpu=*/true), 3);
}

TEST(Recipes, NameOptionsThatThereAre) {
  for (const auto& name : recipe_names()) {
    auto options = minimal();
    EXPECT_NO_THROW(fields_from_json(options, find_recipe(name), name)) << name;
    EXPECT_NO_THROW(check_options(options)) << name;
  }
  EXPECT_THROW(find_recipe("none"), UsageError);
}

TEST(Recipes, SeedIsWhatTheDefaultsAre) {
  auto options = minimal();
  fields_from_json(options, find_recipe("seed"), "seed");
  EXPECT_TRUE(fields_equal(options, minimal()));
}

}  // namespace
}  // namespace vit::train
