#include "vit/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "tiny_run.h"
#include "vit/core/file.h"
#include "vit/io/safetensors.h"
#include "vit/model/weights.h"
#include "vit/train/checkpoint.h"

namespace vit::train {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using vit::testing::make_trainer;
using vit::testing::tiny_options;

/// A dataset whose images take their time.
class SlowDataset : public data::Dataset {
 public:
  SlowDataset(std::shared_ptr<const data::Dataset> data, std::chrono::milliseconds each)
      : data_(std::move(data)), each_(each) {
    classes_ = data_->classes();
    has_class_names_ = data_->has_class_names();
  }
  std::int64_t size() const override { return data_->size(); }
  std::int64_t label(std::int64_t index) const override { return data_->label(index); }
  std::string name(std::int64_t index) const override { return data_->name(index); }
  data::Image load(std::int64_t index) const override {
    const auto end = std::chrono::steady_clock::now() + each_;
    while (std::chrono::steady_clock::now() < end) {
    }
    return data_->load(index);
  }

 private:
  std::shared_ptr<const data::Dataset> data_;
  std::chrono::milliseconds each_;
};

/// A model whose blocks our own kernels can compute; paths are dropped, elements are not.
TrainOptions own_kernels_options(const vit::testing::TemporaryFolder& folder,
                                 const std::string& run) {
  auto options = tiny_options(folder, run);
  options.model_args({"img_size=8", "patch_size=4", "in_c=1", "embed_dim=32", "depth=2",
                      "num_heads=2", "mlp_ratio=2", "proj_drop_rate=0"});
  options.regularization().drop(0);
  options.kernels("own");
  return options;
}

class TrainerTest : public ::testing::Test {
 protected:
  std::string file(const std::string& run, const std::string& name) {
    return read_file(folder_ / run / name);
  }

  std::vector<Json> rows(const std::string& run, const std::string& event) {
    std::vector<Json> found;
    std::istringstream lines(file(run, "log.jsonl"));
    for (std::string line; std::getline(lines, line);)
      if (auto row = Json::parse(line); row["event"] == event) found.push_back(row);
    return found;
  }

  /// Trains until `steps` are done, saves, and goes on in a new Trainer.
  void stop_and_resume(TrainOptions options, std::int64_t steps) {
    options.run().max_steps(steps);
    const auto stopped = make_trainer(options, log_)->fit();
    EXPECT_FALSE(stopped.finished);
    EXPECT_EQ(stopped.state.step, steps);
    resume(options);
  }

  void resume(TrainOptions options) {
    options.run().max_steps(0);
    auto trainer = make_trainer(options, log_);
    const auto found = find_checkpoint(fs::path(options.run().output()) / "checkpoints", log_);
    ASSERT_TRUE(found);
    trainer->resume(found->path);
    EXPECT_TRUE(trainer->fit().finished);
  }

  void expect_same_run(const std::string& a, const std::string& b) {
    for (const auto* name : {"last.safetensors", "best.safetensors"})
      EXPECT_TRUE(file(a, name) == file(b, name)) << name;
    const auto first = rows(a, "epoch"), second = rows(b, "epoch");
    ASSERT_EQ(first.size(), second.size());
    for (std::size_t i = 0; i < first.size(); ++i)
      for (const auto* key : {"epoch", "step", "train_loss", "eval_loss", "eval_top1", "lr"})
        EXPECT_EQ(first[i][key], second[i][key]) << key << " of epoch " << i + 1;
  }

  /// `options` write into `straight`.
  void expect_same_when_resumed(TrainOptions options, std::int64_t steps) {
    make_trainer(options, log_)->fit();
    options.run().output(folder_ / "resumed");
    stop_and_resume(options, steps);
    expect_same_run("straight", "resumed");
  }

  /// `options` write into `run`.
  void expect_same_where_blocks_run_again(TrainOptions options, const std::string& run) {
    SCOPED_TRACE(run);
    options.accum(2);
    options.run().log_every(1);
    make_trainer(options, log_)->fit();
    options.run().output(folder_ / ("again-" + run));
    options.grad_checkpointing(true);
    stop_and_resume(options, 3);
    expect_same_run(run, "again-" + run);
    const auto kept = rows(run, "step"), again = rows("again-" + run, "step");
    ASSERT_EQ(kept.size(), again.size());
    for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i]["loss"], again[i]["loss"]) << i;
  }

  vit::testing::TemporaryFolder folder_;
  Log log_{LogOptions{"test", LogLevel::kInfo, LogFormat::kText, nullptr}};
};

TEST_F(TrainerTest, WritesEverythingARunIsToLeave) {
  const auto result = make_trainer(tiny_options(folder_, "run"), log_)->fit();
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.state.step, 15);
  for (const auto* name : {"args.json", "log.jsonl", "summary.csv", "report.html",
                           "best.safetensors", "last.safetensors"})
    EXPECT_TRUE(fs::is_regular_file(folder_ / "run" / name)) << name;
  EXPECT_EQ(list_checkpoints(folder_ / "run" / "checkpoints").size(), 2U);
  EXPECT_EQ(rows("run", "epoch").size(), 3U);
  const auto summary = file("run", "summary.csv");
  EXPECT_EQ(std::count(summary.begin(), summary.end(), '\n'), 4);
  TrainOptions stored;
  fields_from_json(stored, Json::parse(file("run", "args.json")), "args.json");
  EXPECT_TRUE(fields_equal(stored, tiny_options(folder_, "run")));
}

TEST_F(TrainerTest, WritesModelFilesWithTheWholeConfiguration) {
  auto options = tiny_options(folder_, "run");
  options.labels({"dark", "grey", "bright"});
  make_trainer(options, log_)->fit();
  const auto loaded = model::load_model(folder_ / "run" / "best.safetensors");
  EXPECT_EQ(loaded.config.labels, options.labels());
  EXPECT_EQ(loaded.config.model.num_classes(), 3);
  EXPECT_EQ(loaded.config.preprocessing.mean.size(), 1U);
}

TEST_F(TrainerTest, GivesTheSameBitsAgain) {
  make_trainer(tiny_options(folder_, "a"), log_)->fit();
  make_trainer(tiny_options(folder_, "b"), log_)->fit();
  expect_same_run("a", "b");
}

TEST_F(TrainerTest, GivesTheSameBitsWithAnyNumberOfWorkers) {
  auto options = tiny_options(folder_, "a");
  options.run().workers(0);
  make_trainer(options, log_)->fit();
  options.run().output(folder_ / "b");
  options.run().workers(3);
  make_trainer(options, log_)->fit();
  expect_same_run("a", "b");
}

TEST_F(TrainerTest, GivesOtherBitsWithAnotherSeed) {
  make_trainer(tiny_options(folder_, "a"), log_)->fit();
  auto options = tiny_options(folder_, "b");
  options.run().seed(43);
  make_trainer(options, log_)->fit();
  EXPECT_FALSE(file("a", "last.safetensors") == file("b", "last.safetensors"));
}

TEST_F(TrainerTest, CountsARunInStepsWhereAskedTo) {
  auto options = tiny_options(folder_, "run");
  options.total_steps(12);  // of five an epoch
  const auto result = make_trainer(options, log_)->fit();
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.state.step, 12);
  const auto epochs = rows("run", "epoch");
  ASSERT_EQ(epochs.size(), 3U);
  EXPECT_EQ(epochs.back()["step"], 12);
  EXPECT_TRUE(epochs.back().contains("eval_top1"));
  options.run().output(folder_ / "resumed");
  stop_and_resume(options, 11);
  expect_same_run("run", "resumed");
}

TEST_F(TrainerTest, ResumesBitForBitInFloat16WithABalancedSampler) {
  auto options = tiny_options(folder_, "straight");
  options.amp("fp16");
  options.sampler("balanced");
  expect_same_when_resumed(options, 7);
}

TEST_F(TrainerTest, GivesTheSameBitsWhereBlocksRunAgain) {
  for (const std::string amp : {"off", "bf16"})
    for (const bool own : {false, true}) {
      const auto run = format("{}-{}", amp, own ? "own" : "torch");
      auto options = own ? own_kernels_options(folder_, run) : tiny_options(folder_, run);
      options.amp(amp);
      expect_same_where_blocks_run_again(options, run);
    }
}

TEST_F(TrainerTest, GivesTheSameBitsWhereBlocksWithLoraRunAgain) {
  make_trainer(tiny_options(folder_, "source"), log_)->fit();
  for (const std::string amp : {"off", "bf16"}) {
    auto options = tiny_options(folder_, amp);
    options.model((folder_ / "source/last.safetensors").string());
    options.model_args().clear();
    options.lora().lora_rank(2);
    options.amp(amp);
    expect_same_where_blocks_run_again(options, amp);
  }
}

TEST_F(TrainerTest, SaysWhatShareOfItsTimeItWaitsForImages) {
  auto options = tiny_options(folder_, "run");
  options.epochs(1);
  options.run().workers(0).log_every(1);  // an image is loaded when it is asked for
  auto setup = prepare(options, log_);
  constexpr std::chrono::milliseconds kEach{2};
  setup.train_data = std::make_shared<SlowDataset>(setup.train_data, kEach);
  std::vector<StepReport> steps;
  TrainCallbacks callbacks;
  callbacks.step = [&](const StepReport& report) { steps.push_back(report); };
  Trainer(options, std::move(setup), log_, callbacks).fit();
  ASSERT_EQ(steps.size(), 5U);
  const double images = static_cast<double>(options.batch_size());
  for (const auto& step : steps) {
    EXPECT_LE(step.waiting, 1);
    // At least as long as a batch's images take.
    const double seconds = images / step.images_per_second;
    EXPECT_GE(step.waiting, images * 2e-3 / seconds);
  }
  EXPECT_EQ(rows("run", "step").back()["waiting"], steps.back().waiting);
  const double share = rows("run", "epoch")[0]["waiting"];
  EXPECT_GT(share, 0);
  EXPECT_LE(share, 1);
  const auto summary = file("run", "summary.csv");
  EXPECT_THAT(summary, HasSubstr(",seconds,waiting\n"));
  EXPECT_THAT(summary, ::testing::EndsWith("," + Json(share).dump() + "\n"));
}

TEST_F(TrainerTest, ResumesBitForBitWithOwnKernels) {
  for (const auto* amp : {"off", "bf16"}) {
    SCOPED_TRACE(amp);
    auto options = own_kernels_options(folder_, std::string("straight-") + amp);
    options.amp(amp);
    make_trainer(options, log_)->fit();
    options.run().output(folder_ / (std::string("resumed-") + amp));
    stop_and_resume(options, 7);
    expect_same_run(std::string("straight-") + amp, std::string("resumed-") + amp);
  }
}

TEST_F(TrainerTest, OwnKernelsLearnAsLibTorchDoes) {
  const auto losses = [&](const std::string& kernels, const std::string& precision) {
    std::vector<double> found;
    TrainCallbacks callbacks;
    callbacks.step = [&](const StepReport& report) { found.push_back(report.loss); };
    auto options = own_kernels_options(folder_, kernels + "-" + precision);
    options.kernels(kernels);
    options.matmul_precision(precision);
    make_trainer(options, log_, callbacks)->fit();
    return found;
  };
  const auto expected = losses("torch", "highest");
  ASSERT_EQ(expected.size(), 15U);
  const auto own = losses("own", "highest"), high = losses("own", "high");
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(own[i], expected[i], 1e-5 * expected[i]) << i;
    EXPECT_NEAR(high[i], expected[i], 1e-4 * expected[i]) << i;
  }
  EXPECT_FALSE(file("own-highest", "last.safetensors") ==
               file("torch-highest", "last.safetensors"));
}

TEST_F(TrainerTest, SetsThePrecisionOfProductsForItsRunAlone) {
  const auto precision = [] { return at::globalContext().float32MatmulPrecision(); };
  TrainCallbacks callbacks;
  callbacks.step = [&](const StepReport&) {
    EXPECT_EQ(precision(), at::Float32MatmulPrecision::HIGH);
  };
  auto options = tiny_options(folder_, "run");
  options.matmul_precision("high");
  options.epochs(1);
  make_trainer(options, log_, callbacks)->fit();
  EXPECT_EQ(precision(), at::Float32MatmulPrecision::HIGHEST);
}

TEST_F(TrainerTest, GoesOnAsAnotherRunFromACheckpoint) {
  auto options = tiny_options(folder_, "straight");
  options.run().keep(3);
  make_trainer(options, log_)->fit();
  options.run().output(folder_ / "branch");
  auto trainer = make_trainer(options, log_);
  trainer->resume(folder_ / "straight" / "checkpoints" / "step-5", {.new_run = true});
  EXPECT_FALSE(trainer->state().best_top1);
  EXPECT_TRUE(trainer->fit().finished);
  EXPECT_TRUE(file("straight", "last.safetensors") == file("branch", "last.safetensors"));
  EXPECT_EQ(rows("branch", "epoch").size(), 2U);
  EXPECT_TRUE(fs::exists(folder_ / "branch" / "best.safetensors"));
}

TEST_F(TrainerTest, ResumesBitForBitInTheMiddleOfAnEpoch) {
  make_trainer(tiny_options(folder_, "straight"), log_)->fit();
  stop_and_resume(tiny_options(folder_, "resumed"), 7);
  expect_same_run("straight", "resumed");
}

TEST_F(TrainerTest, ResumesBitForBitBeforeAnEpochIsEvaluated) {
  make_trainer(tiny_options(folder_, "straight"), log_)->fit();
  stop_and_resume(tiny_options(folder_, "resumed"), 10);
  expect_same_run("straight", "resumed");
}

TEST_F(TrainerTest, ResumesBitForBitFromAnEarlierCheckpointWhenTheNewestIsDamaged) {
  make_trainer(tiny_options(folder_, "straight"), log_)->fit();
  auto options = tiny_options(folder_, "resumed");
  options.run().checkpoint_every(3);
  options.run().max_steps(8);
  make_trainer(options, log_)->fit();
  std::ofstream(folder_ / "resumed" / "checkpoints" / "step-8" / "training.safetensors") << "cut";
  resume(options);
  expect_same_run("straight", "resumed");
}

TEST_F(TrainerTest, ResumesBitForBitWithAccumulationAndWithoutAverage) {
  auto options = tiny_options(folder_, "straight");
  options.accum(2);  // two steps an epoch
  options.regularization().ema().reset();
  expect_same_when_resumed(options, 3);
}

TEST_F(TrainerTest, ResumesBitForBitWithMixingRepeatsAndEveryOptimiser) {
  for (const auto& name : optimizer_names()) {
    SCOPED_TRACE(name);
    auto options = tiny_options(folder_, name);
    options.optimizer().opt(name);
    options.loss().bce(name == "lamb");
    options.mix().mixup(0.8);
    options.mix().cutmix(1.0);
    options.mix().off_epoch(2);
    options.repeated_aug(3);
    make_trainer(options, log_)->fit();
    options.run().output(folder_ / (name + "-resumed"));
    stop_and_resume(options, 7);
    expect_same_run(name, name + "-resumed");
  }
}

TEST_F(TrainerTest, LeavesFrozenBlocksAsTheyAre) {
  auto options = tiny_options(folder_, "run");
  options.optimizer().freeze_blocks(1);
  options.regularization().ema().reset();
  options.epochs(1);
  auto setup = prepare(options, log_);
  std::map<std::string, at::Tensor> before;
  for (const auto& item : setup.model->named_parameters())
    before[item.key()] = item.value().detach().clone();
  Trainer(options, setup, log_).fit();
  for (const auto& item : setup.model->named_parameters()) {
    const auto& name = item.key();
    const bool learns =
        name.starts_with("block.1.") || name.starts_with("norm.") || name.starts_with("head.");
    EXPECT_EQ(!at::equal(item.value(), before[name]), learns) << name;
  }
}

TEST_F(TrainerTest, TrainsTheHeadAloneWithAllBlocksFrozen) {
  auto options = tiny_options(folder_, "run");
  options.optimizer().freeze_blocks(2);
  const auto setup = prepare(options, log_);
  for (const auto& item : setup.model->named_parameters())
    EXPECT_EQ(item.value().requires_grad(), item.key().starts_with("head.")) << item.key();
  options.optimizer().freeze_blocks(3);
  EXPECT_THROW(prepare(options, log_), UsageError);
}

TEST_F(TrainerTest, ValidatesOnImagesHeldOut) {
  auto options = tiny_options(folder_, "straight");
  options.holdout(11);
  options.optimizer().freeze_blocks(1);
  const auto setup = prepare(options, log_);
  EXPECT_EQ(setup.train_data->size(), 32);
  EXPECT_EQ(setup.val_data->size(), 11);
  EXPECT_THAT(setup.val_data->name(0), HasSubstr("train-images"));
  expect_same_when_resumed(options, 5);
}

TEST_F(TrainerTest, GivesOtherBitsWithMixing) {
  auto options = tiny_options(folder_, "plain");
  make_trainer(options, log_)->fit();
  options.run().output(folder_ / "mixed");
  options.mix().mixup(0.8);
  make_trainer(options, log_)->fit();
  EXPECT_NE(file("plain", "last.safetensors"), file("mixed", "last.safetensors"));
}

TEST_F(TrainerTest, StopsAfterTheStepInWhichItIsTold) {
  std::int64_t seen = 0;
  TrainCallbacks callbacks;
  callbacks.step = [&](const StepReport& report) { seen = report.step; };
  callbacks.stop = [&] { return seen == 4 ? 15 : 0; };
  const auto result = make_trainer(tiny_options(folder_, "run"), log_, callbacks)->fit();
  EXPECT_FALSE(result.finished);
  EXPECT_EQ(result.stop, 15);
  EXPECT_EQ(list_checkpoints(folder_ / "run" / "checkpoints").front().step, 4);
}

TEST_F(TrainerTest, EvaluatesAgainAfterBeingStoppedWhileItEvaluated) {
  make_trainer(tiny_options(folder_, "straight"), log_)->fit();
  bool evaluating = false;
  TrainCallbacks callbacks;
  callbacks.evaluation = [&](std::int64_t, std::int64_t) { evaluating = true; };
  callbacks.stop = [&] { return evaluating ? 2 : 0; };
  const auto options = tiny_options(folder_, "resumed");
  EXPECT_EQ(make_trainer(options, log_, callbacks)->fit().stop, 2);
  resume(options);
  expect_same_run("straight", "resumed");
  const auto epochs = rows("resumed", "epoch");
  EXPECT_FALSE(epochs[0].contains("waiting")) << "no step of it since the run began again";
  EXPECT_TRUE(epochs[1].contains("waiting"));
}

TEST_F(TrainerTest, RefusesACheckpointOfAnotherModel) {
  auto options = tiny_options(folder_, "run");
  options.run().max_steps(2);
  make_trainer(options, log_)->fit();
  options.model_args().push_back("embed_dim=16");
  auto other = make_trainer(options, log_);
  EXPECT_THROW(other->resume(folder_ / "run" / "checkpoints" / "step-2"), DataError);
}

TEST_F(TrainerTest, LearnsToTellDarkFromBright) {
  auto options = tiny_options(folder_, "run");
  options.epochs(30);
  options.optimizer().lr(1e-2);
  options.regularization().drop(0);
  options.regularization().drop_path(0);
  options.model_args().back() = "proj_drop_rate=0";
  options.regularization().ema().reset();
  EXPECT_EQ(*make_trainer(options, log_)->fit().state.best_top1, 100.0);
}

TEST_F(TrainerTest, StopsBeforeTheUpdateWhenTheLossIsNotFinite) {
  const auto options = tiny_options(folder_, "run");
  auto setup = prepare(options, log_);
  setup.model->pos_embed.detach().fill_(std::nan(""));
  const auto head = model::state_dict(*setup.model).back().second.clone();
  Trainer trainer(options, setup, log_);
  try {
    trainer.fit();
    FAIL() << "went on";
  } catch (const NotFiniteError& error) {
    EXPECT_THAT(error.what(), HasSubstr("epoch 1, step 1: the loss is nan"));
    EXPECT_THAT(error.what(), HasSubstr("train-images-idx3-ubyte["));
  }
  EXPECT_TRUE(at::equal(model::state_dict(*setup.model).back().second, head));
  EXPECT_EQ(rows("run", "not_finite")[0]["files"].size(), 8U);
}

TEST_F(TrainerTest, NamesTheBatchWhoseLossIsNotFiniteAmongThoseOfAStep) {
  auto options = tiny_options(folder_, "run");
  options.accum(2);
  auto setup = prepare(options, log_);
  setup.model->pos_embed.detach().fill_(std::nan(""));
  EXPECT_THROW(Trainer(options, std::move(setup), log_).fit(), NotFiniteError);
  const auto files = rows("run", "not_finite")[0]["files"];
  ASSERT_EQ(files.size(), 8U);  // of 16 in the step
  const auto order = data::shuffled(43, options.run().seed(), 0);
  for (std::size_t i = 0; i < files.size(); ++i)
    EXPECT_THAT(files[i].get<std::string>(), EndsWith(format("[{}]", order[i])));
}

TEST_F(TrainerTest, EvaluatesWhereMaxStepsEndsIt) {
  auto options = tiny_options(folder_, "run");
  options.run().max_steps(7);
  std::vector<EpochReport> reports;
  TrainCallbacks callbacks;
  callbacks.epoch = [&](const EpochReport& report) { reports.push_back(report); };
  make_trainer(options, log_, callbacks)->fit();
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[1].step_in_epoch, 2);
  EXPECT_TRUE(reports[1].top1);
  EXPECT_EQ(rows("run", "epoch").back()["step"], 7);
  EXPECT_TRUE(rows("run", "epoch").back().contains("eval_top1"));
  EXPECT_EQ(model::load_model(folder_ / "run" / "last.safetensors").config.labels.size(), 3U);
}

TEST_F(TrainerTest, WritesABestModelWhenMaxStepsEndsTheFirstEpoch) {
  auto options = tiny_options(folder_, "run");
  options.run().max_steps(2);
  make_trainer(options, log_)->fit();
  EXPECT_TRUE(file("run", "best.safetensors") == file("run", "last.safetensors"));
}

TEST_F(TrainerTest, TrainsNoStepPastMaxSteps) {
  auto options = tiny_options(folder_, "run");
  options.run().max_steps(7);
  make_trainer(options, log_)->fit();
  options.run().max_steps(3);
  auto trainer = make_trainer(options, log_);
  trainer->resume(folder_ / "run" / "checkpoints" / "step-7");
  EXPECT_EQ(trainer->fit().state.step, 7);
}

TEST_F(TrainerTest, GivesTheBestOfWholeEpochsBackWhenARunThatEndedEarlyIsResumed) {
  make_trainer(tiny_options(folder_, "straight"), log_)->fit();
  for (const std::int64_t steps : {6, 8, 9, 12, 13}) {
    const auto run = "resumed" + std::to_string(steps);
    stop_and_resume(tiny_options(folder_, run), steps);
    expect_same_run("straight", run);
  }
}

TEST_F(TrainerTest, RefusesToGoOnWithOtherImages) {
  auto options = tiny_options(folder_, "run");
  options.run().max_steps(7);
  make_trainer(options, log_)->fit();
  std::filesystem::copy(options.data(), folder_ / "more", fs::copy_options::recursive);
  vit::testing::write_tiny_idx(folder_ / "more", "train", 60);
  options.data(folder_ / "more");
  options.run().max_steps(0);
  const auto checkpoint = folder_ / "run" / "checkpoints" / "step-7";
  try {
    make_trainer(options, log_)->resume(checkpoint);
    FAIL() << "went on";
  } catch (const DatasetChanged& error) {
    EXPECT_THAT(error.what(), HasSubstr("training: expected 43 images, found 60"));
    EXPECT_THAT(error.what(), HasSubstr("train-images-idx3-ubyte["));
  }
  auto trainer = make_trainer(options, log_);
  trainer->resume(checkpoint, {.allow_dataset_change = true});
  const auto result = trainer->fit();
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.state.step, 7 + 5 + 7);  // five steps are left of epoch 2, seven of epoch 3
}

TEST_F(TrainerTest, EndsAShorterLastEpochWhereMoreImagesMakeItTheOneThatIsRunning) {
  auto options = tiny_options(folder_, "run");
  options.total_steps(12);
  options.run().max_steps(9);
  make_trainer(options, log_)->fit();
  vit::testing::write_tiny_idx(options.data(), "train", 80);
  options.run().max_steps(0);
  auto trainer = make_trainer(options, log_);
  // Ten steps an epoch now: two are left for the second, of which four were done.
  trainer->resume(folder_ / "run" / "checkpoints" / "step-9", {.allow_dataset_change = true});
  const auto result = trainer->fit();
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.state.step, 9);
}

TEST_F(TrainerTest, BeginsNoRunAtTheEndOfAnother) {
  auto options = tiny_options(folder_, "run");
  make_trainer(options, log_)->fit();
  const auto checkpoint = folder_ / "run" / "checkpoints" / "step-15";
  options.run().output(folder_ / "other");
  EXPECT_THROW(make_trainer(options, log_)->resume(checkpoint, {.new_run = true}), UsageError);
  options.epochs(4);
  EXPECT_NO_THROW(make_trainer(options, log_)->resume(checkpoint, {.new_run = true}));
}

TEST_F(TrainerTest, RefusesToGoOnWithAnotherTeacher) {
  auto teacher = tiny_options(folder_, "teacher");
  teacher.run().max_steps(1);
  make_trainer(teacher, log_)->fit();
  auto options = tiny_options(folder_, "run");
  options.distillation().distillation("soft").teacher(folder_ / "teacher" / "last.safetensors");
  options.run().max_steps(2);
  make_trainer(options, log_)->fit();
  const auto checkpoint = folder_ / "run" / "checkpoints" / "step-2";
  EXPECT_NO_THROW(make_trainer(options, log_)->resume(checkpoint));
  teacher.run().max_steps(2).output(folder_ / "other");
  make_trainer(teacher, log_)->fit();
  fs::copy_file(folder_ / "other" / "last.safetensors", options.distillation().teacher(),
                fs::copy_options::overwrite_existing);
  EXPECT_THROW(make_trainer(options, log_)->resume(checkpoint), DataError);
}

TEST_F(TrainerTest, GoesOnWithTheSameImagesInAnotherFolder) {
  auto options = tiny_options(folder_, "run");
  options.run().max_steps(7);
  make_trainer(options, log_)->fit();
  fs::rename(options.data(), folder_ / "moved");
  options.data(folder_ / "moved");
  EXPECT_NO_THROW(make_trainer(options, log_)->resume(folder_ / "run" / "checkpoints" / "step-7"));
}

TEST_F(TrainerTest, SeedsItsGeneratorAnewOnAnotherKindOfDevice) {
  auto options = tiny_options(folder_, "run");
  options.run().max_steps(7);
  make_trainer(options, log_)->fit();
  // As a CUDA device leaves it: a generator's state of 16 bytes.
  const auto checkpoint = folder_ / "run" / "checkpoints" / "step-7";
  const auto path = checkpoint / "training.safetensors";
  const auto read = io::read_safetensors(path);
  std::vector<io::TensorToWrite> tensors;
  for (const auto& entry : read.tensors.entries()) {
    const bool small = entry.name == "generator";
    const auto shape = small ? std::vector<std::int64_t>{16} : entry.shape;
    const auto values = model::to_tensor(entry).clone();
    tensors.push_back({entry.name, entry.dtype, shape, [values, small] {
                         const auto size = small ? 16 : values.nbytes();
                         return std::span(static_cast<const std::byte*>(values.const_data_ptr()),
                                          size);
                       }});
  }
  io::write_safetensors(folder_ / "other", tensors);
  fs::rename(folder_ / "other", path);
  options.run().max_steps(0);
  for (const auto* run : {"a", "b"}) {
    fs::copy(folder_ / "run", folder_ / run, fs::copy_options::recursive);
    options.run().output(folder_ / run);
    auto trainer = make_trainer(options, log_);
    trainer->resume(folder_ / run / "checkpoints" / "step-7");
    EXPECT_TRUE(trainer->fit().finished);
  }
  expect_same_run("a", "b");
}

TEST_F(TrainerTest, FollowsALargerNumberOfEpochsWhenItIsResumed) {
  auto options = tiny_options(folder_, "run");
  make_trainer(options, log_)->fit();
  options.epochs(5);
  auto trainer = make_trainer(options, log_);
  trainer->resume(folder_ / "run" / "checkpoints" / "step-15");
  EXPECT_EQ(trainer->total_steps(), 25);
  EXPECT_EQ(trainer->fit().state.step, 25);
  EXPECT_GT(rows("run", "epoch")[3]["lr"].get<double>(), rows("run", "epoch")[2]["lr"]);
}

TEST_F(TrainerTest, PutsTheWeightsAndTheModeBackWhenAnEvaluationThrows) {
  const auto options = tiny_options(folder_, "run");
  auto setup = prepare(options, log_);
  setup.model->eval();
  at::Tensor weights;
  TrainCallbacks callbacks;
  callbacks.step = [&](const StepReport& report) {
    if (report.step == 5) weights = setup.model->pos_embed.detach().clone();
  };
  callbacks.evaluation = [](std::int64_t, std::int64_t) { throw IoError("disk gone"); };
  Trainer trainer(options, setup, log_, callbacks);
  EXPECT_THROW(trainer.fit(), IoError);
  EXPECT_TRUE(at::equal(setup.model->pos_embed, weights));
  EXPECT_FALSE(setup.model->is_training());
}

TEST_F(TrainerTest, ReadsOverDamagedRowsOfItsLog) {
  auto options = tiny_options(folder_, "run");
  options.run().max_steps(7);
  make_trainer(options, log_)->fit();
  std::ofstream(folder_ / "run" / "log.jsonl", std::ios::app)
      << "{\"event\": 5}\n{\"event\": \"epoch\", \"epoch\": \"two\"}\n[1]\n{\"eve";
  resume(options);
  EXPECT_EQ(rows("run", "epoch").size(), 3U);
}

TEST_F(TrainerTest, NamesARunFolderThatCannotBeMade) {
  auto options = tiny_options(folder_, "run");
  std::ofstream(folder_ / "file") << "text";
  options.run().output(folder_ / "file" / "run");
  EXPECT_THROW(make_trainer(options, log_)->fit(), IoError);
  options.run().output().clear();
  EXPECT_THROW(make_trainer(options, log_)->fit(), UsageError);
}

}  // namespace
}  // namespace vit::train
