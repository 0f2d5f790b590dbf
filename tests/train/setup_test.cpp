#include "vit/train/setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tiny_run.h"
#include "vit/model/weights.h"

namespace vit::train {
namespace {

using ::testing::HasSubstr;
using vit::testing::tiny_options;

class SetupTest : public ::testing::Test {
 protected:
  /// A model to be fine-tuned; two trained epochs are not needed for that.
  std::string pretrained(std::int64_t classes, std::vector<std::string> labels = {},
                         bool distilled = false) {
    ModelConfig config = model_config(tiny_options(folder_, "run"));
    config.model.num_classes(classes).distilled(distilled);
    config.labels = std::move(labels);
    VisionTransformer model(config.model);
    const std::string path = folder_ / "pretrained.safetensors";
    model::save_model(path, *model, config);
    return path;
  }

  /// Options that fine-tune `file` on three classes of these names.
  TrainOptions tuning(const std::string& file, std::vector<std::string> names = {}) {
    auto options = tiny_options(folder_, "run");
    options.model_args().clear();
    options.model(file);
    options.labels(std::move(names));
    return options;
  }

  static at::Tensor tensor_of(const VisionTransformer& model, const std::string& wanted) {
    for (const auto& [name, tensor] : model::state_dict(*model))
      if (name == wanted) return tensor;
    return {};
  }

  /// Whether each row of the head that `prepare` makes is row `rows[i]` of the file's.
  void expect_rows(const TrainOptions& options, const std::vector<std::int64_t>& rows,
                   const std::vector<std::string>& tensors) {
    const auto setup = prepare(options, log_);
    const auto file = model::load_model(options.model());
    for (const auto& name : tensors)
      for (std::size_t i = 0; i < rows.size(); ++i)
        EXPECT_TRUE(at::equal(tensor_of(setup.model, name)[static_cast<std::int64_t>(i)],
                              tensor_of(file.model, name)[rows[i]]))
            << name << ", class " << i;
  }

  std::string error_of(const TrainOptions& options) {
    try {
      prepare(options, log_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  vit::testing::TemporaryFolder folder_;
  Log log_{LogOptions{"test", LogLevel::kInfo, LogFormat::kText, nullptr}};
};

TEST_F(SetupTest, ReplacesTheHeadOfAModelOfOtherClassesAndKeepsTheRest) {
  auto options = tiny_options(folder_, "run");
  options.model_args().clear();
  options.model(pretrained(10));
  const auto setup = prepare(options, log_);
  const auto loaded = model::load_model(options.model());
  for (const auto& [name, tensor] : model::state_dict(*loaded.model)) {
    if (name.starts_with("head")) continue;
    for (const auto& [other, mine] : model::state_dict(*setup.model)) {
      if (other == name) {
        EXPECT_TRUE(at::equal(tensor, mine)) << name;
      }
    }
  }
  EXPECT_EQ(model::state_dict(*setup.model).back().second.size(0), 3);
  EXPECT_EQ(setup.config.model.num_classes(), 3);
  EXPECT_EQ(setup.config.labels.size(), 3U);
}

TEST_F(SetupTest, KeepsTheHeadOfAModelOfAsManyClasses) {
  auto options = tiny_options(folder_, "run");
  options.model_args().clear();
  options.model(pretrained(3));
  const auto setup = prepare(options, log_);
  const auto loaded = model::load_model(options.model());
  EXPECT_TRUE(at::equal(model::state_dict(*setup.model).back().second,
                        model::state_dict(*loaded.model).back().second));
}

TEST_F(SetupTest, KeepsTheHeadWhereTheClassNamesAreTheSame) {
  const auto file = pretrained(3, {"dark", "grey", "bright"});
  expect_rows(tuning(file, {"dark", "grey", "bright"}), {0, 1, 2}, {"head.weight"});
}

TEST_F(SetupTest, PutsTheRowsOfBothHeadsIntoTheOrderOfTheDatasetsNames) {
  const auto file = pretrained(3, {"dark", "grey", "bright"}, /*distilled=*/true);
  const auto options = tuning(file, {"bright", "dark", "grey"});
  expect_rows(options, {2, 0, 1},
              {"head.weight", "head.bias", "head_dist.weight", "head_dist.bias"});
  EXPECT_EQ(prepare(options, log_).config.labels, options.labels());
}

TEST_F(SetupTest, DrawsANewHeadForAsManyClassesOfOtherNames) {
  const auto options = tuning(pretrained(3, {"dark", "grey", "bright"}), {"dark", "grey", "red"});
  const auto setup = prepare(options, log_);
  const auto file = model::load_model(options.model());
  EXPECT_FALSE(
      at::equal(tensor_of(setup.model, "head.weight"), tensor_of(file.model, "head.weight")));
  EXPECT_TRUE(at::equal(tensor_of(setup.model, "pos_embed"), tensor_of(file.model, "pos_embed")));
  EXPECT_EQ(setup.config.labels, options.labels());
}

TEST_F(SetupTest, KeepsHeadAndNamesWhereTheDatasetHasNumbersOnly) {
  const auto options = tuning(pretrained(3, {"dark", "grey", "bright"}));
  expect_rows(options, {0, 1, 2}, {"head.weight"});
  EXPECT_EQ(prepare(options, log_).config.labels,
            (std::vector<std::string>{"dark", "grey", "bright"}));
}

TEST_F(SetupTest, RefusesADepthThatWouldDropBlocksOfTheFile) {
  auto options = tuning(pretrained(3));
  options.model_args({"depth=1"});
  EXPECT_THAT(error_of(options), HasSubstr("without a place in the model (block.1."));
}

TEST_F(SetupTest, RefusesAnotherNumberOfClassesThanTheDatasetHas) {
  auto options = tiny_options(folder_, "run");
  options.model_args().emplace_back("num_classes=5");
  EXPECT_THAT(error_of(options), HasSubstr("num_classes: expected 3"));
}

TEST_F(SetupTest, RefusesMeansForAnotherNumberOfChannels) {
  auto options = tiny_options(folder_, "run");
  options.mean({0.1, 0.2, 0.3});
  EXPECT_THAT(error_of(options), HasSubstr("mean: expected one number, found 3"));
}

TEST_F(SetupTest, EstimatesTheMemoryOfAModelWithoutAPositionEmbedding) {
  auto options = tiny_options(folder_, "run");
  options.model_args().emplace_back("pos_embed=none");
  EXPECT_GT(estimate_memory(options, prepare(options, log_)), 0);
}

TEST_F(SetupTest, RefusesABatchLargerThanTheData) {
  auto options = tiny_options(folder_, "run");
  options.batch_size(44);
  const auto setup = prepare(options, log_);
  EXPECT_THROW(plan_steps(options, setup), UsageError);
  options.batch_size(22);
  options.accum(2);
  EXPECT_THROW(plan_steps(options, setup), UsageError);
  options.batch_size(21);
  EXPECT_EQ(plan_steps(options, setup).per_epoch, 1);
}

TEST_F(SetupTest, DrawsTheSameWeightsFromTheSameSeed) {
  const auto options = tiny_options(folder_, "run");
  const auto a = prepare(options, log_), b = prepare(options, log_);
  EXPECT_TRUE(at::equal(a.model->pos_embed, b.model->pos_embed));
}

TEST_F(SetupTest, NamesAModelArgumentThatTheFileCannotFollow) {
  auto options = tiny_options(folder_, "run");
  options.model(pretrained(10));
  options.model_args({"embed_dim=16"});
  EXPECT_THAT(error_of(options), HasSubstr("expected shape [1, 5, 16], found [1, 5, 8]"));
}

TEST_F(SetupTest, RefusesModelArgumentsThatAreNone) {
  auto options = tiny_options(folder_, "run");
  options.model_args({"embed_dim"});
  EXPECT_THAT(error_of(options), HasSubstr("expected key=value, found 'embed_dim'"));
  options.model_args({"embed_dmi=8"});
  EXPECT_THAT(error_of(options), HasSubstr("unknown key 'embed_dmi'"));
  options.model_args({"embed_dim=wide"});
  EXPECT_THAT(error_of(options), HasSubstr("expected a whole number"));
}

TEST_F(SetupTest, TakesATeacherWithClassNamesForImagesWithNumbers) {
  auto options = tiny_options(folder_, "run");
  options.distillation().distillation("soft").teacher(pretrained(3, {"a", "b", "c"}));
  const auto setup = prepare(options, log_);
  ASSERT_TRUE(setup.teacher);
  options.labels({"x", "y", "z"});
  EXPECT_THAT(error_of(options), HasSubstr("teacher: "));
  options.distillation().teacher(folder_ / "nowhere.safetensors");
  EXPECT_THROW(prepare(options, log_), IoError);
}

TEST_F(SetupTest, TrainsAModelsOwnWeightsAgainWhereItsUpdatesEnd) {
  auto options = tuning(pretrained(3));
  options.lora().lora_rank(2);
  auto setup = prepare(options, log_);
  const auto is_trained = [&] {
    return tensor_of(setup.model, "block.0.attn.qkv.weight").requires_grad();
  };
  EXPECT_FALSE(is_trained());
  setup.lora.reset();
  EXPECT_TRUE(is_trained());
}

TEST_F(SetupTest, SaysThatAModelFileIsMissing) {
  auto options = tiny_options(folder_, "run");
  options.model(folder_ / "none.safetensors");
  EXPECT_THROW(prepare(options, log_), IoError);
}

}  // namespace
}  // namespace vit::train
