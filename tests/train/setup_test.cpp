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
  /// A model of ten classes to be fine-tuned; two trained epochs are not needed for that.
  std::string pretrained(std::int64_t classes) {
    ModelConfig config = model_config(tiny_options(folder_, "run"));
    config.model.num_classes(classes);
    VisionTransformer model(config.model);
    const std::string path = folder_ / "pretrained.safetensors";
    model::save_model(path, *model, config);
    return path;
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
  options.model_args.clear();
  options.model = pretrained(10);
  const auto setup = prepare(options, log_);
  const auto loaded = model::load_model(options.model);
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
  options.model_args.clear();
  options.model = pretrained(3);
  const auto setup = prepare(options, log_);
  const auto loaded = model::load_model(options.model);
  EXPECT_TRUE(at::equal(model::state_dict(*setup.model).back().second,
                        model::state_dict(*loaded.model).back().second));
}

TEST_F(SetupTest, DrawsTheSameWeightsFromTheSameSeed) {
  const auto options = tiny_options(folder_, "run");
  const auto a = prepare(options, log_), b = prepare(options, log_);
  EXPECT_TRUE(at::equal(a.model->pos_embed, b.model->pos_embed));
}

TEST_F(SetupTest, NamesAModelArgumentThatTheFileCannotFollow) {
  auto options = tiny_options(folder_, "run");
  options.model = pretrained(10);
  options.model_args = {"embed_dim=16"};
  EXPECT_THAT(error_of(options), HasSubstr("--model-arg cannot change it"));
}

TEST_F(SetupTest, RefusesModelArgumentsThatAreNone) {
  auto options = tiny_options(folder_, "run");
  options.model_args = {"embed_dim"};
  EXPECT_THAT(error_of(options), HasSubstr("expected key=value, found 'embed_dim'"));
  options.model_args = {"embed_dmi=8"};
  EXPECT_THAT(error_of(options), HasSubstr("unknown key 'embed_dmi'"));
  options.model_args = {"embed_dim=wide"};
  EXPECT_THAT(error_of(options), HasSubstr("expected a whole number"));
}

TEST_F(SetupTest, SaysThatAModelFileIsMissing) {
  auto options = tiny_options(folder_, "run");
  options.model = folder_ / "none.safetensors";
  EXPECT_THROW(prepare(options, log_), IoError);
}

}  // namespace
}  // namespace vit::train
