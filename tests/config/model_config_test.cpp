#include "vit/config/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vit/config/registry.h"

namespace vit::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::ThrowsMessage;

ModelConfig parse(const char* text) { return config_from_json(Json::parse(text), "file"); }

ModelConfig parse_timm(const std::string& text) {
  std::vector<std::string> warnings;
  return config_from_timm_json(Json::parse(text), "file", warnings);
}

void expect_refused(const char* text, const std::string& part) {
  EXPECT_THAT([&] { parse(text); }, ThrowsMessage<DataError>(HasSubstr(part))) << text;
}

TEST(Config, LeavesTheSeedsDefaultsWhereNothingIsSaid) {
  const auto config = parse("{}");
  EXPECT_TRUE(fields_equal(config.model, VisionTransformerOptions()));
  EXPECT_FALSE(config.preprocessing_known);
}

TEST(Config, ComesBackFromItsOwnJson) {
  auto config = find_architecture("vit_so400m_patch14_siglip_384");
  config.labels = {};
  const auto again = config_from_json(Json::parse(to_json(config).dump()), "file");
  EXPECT_EQ(to_json(again), to_json(config));
}

TEST(Config, LetsTheModelOverrideItsArchitecture) {
  const auto config = parse(R"({"architecture": "vit_tiny_patch16_224", "model": {"depth": 3}})");
  EXPECT_EQ(config.model.depth(), 3);
  EXPECT_EQ(config.model.embed_dim(), 192);
  EXPECT_FALSE(config.model.patch_norm());
}

TEST(Config, TakesImageSizesAsNumberOrPair) {
  EXPECT_EQ(parse(R"({"model": {"img_size": 32}})").model.img_size(), (Size2d{32, 32}));
  EXPECT_EQ(parse(R"({"model": {"img_size": [32, 64]}})").model.img_size(), (Size2d{32, 64}));
}

TEST(Config, RefusesUnknownKeys) {
  expect_refused(R"({"modle": {}})", "unknown key 'modle'");
  expect_refused(R"({"model": {"in_chans": 3}})", "unknown key 'in_chans'");
  expect_refused(R"({"preprocessing": {"size": 3}})", "unknown key 'size'");
  expect_refused(R"({"architecture": "vit_tiny"})", "unknown architecture 'vit_tiny'");
  expect_refused("[]", "expected a configuration object");
}

TEST(Config, RefusesWhatNoModelCanBe) {
  expect_refused(R"({"model": {"patch_size": 0}})",
                 "'patch_size': expected a whole number from 1 to 65536, found 0");
  expect_refused(R"({"model": {"patch_size": 15}})",
                 "expected a divisor of img_size 224, found 15");
  expect_refused(R"({"model": {"num_heads": 7}})", "expected a divisor of embed_dim 768, found 7");
  expect_refused(R"({"model": {"depth": 0}})",
                 "'depth': expected a whole number from 1 to 1000, found 0");
  expect_refused(R"({"model": {"depth": 1001}})", "'depth'");
  expect_refused(R"({"model": {"depth": 9223372036854775808}})",
                 "'depth': expected a whole number");
  expect_refused(R"({"model": {"embed_dim": 65536, "num_heads": 1, "depth": 1000}})", "parameters");
  expect_refused(R"({"model": {"mlp_ratio": 1e300}})", "'mlp_ratio'");
  expect_refused(R"({"model": {"reg_tokens": 1000000000000}})", "'reg_tokens'");
  expect_refused(R"({"model": {"drop_ratio": 1.5}})", "'drop_ratio'");
  expect_refused(R"({"model": {"dist_head": "both"}})",
                 "'dist_head': expected seed or timm, found 'both'");
  expect_refused(R"({"model": {"num_classes": 2}, "labels": ["a"]})", "expected 2 labels");
}

TEST(Config, RefusesPreprocessingThatNobodyCanDo) {
  expect_refused(R"({"preprocessing": {"mean": [0.5, 0.5]}})", "'mean': expected 3 values");
  expect_refused(R"({"preprocessing": {"std": [0.5, 0, 0.5]}})",
                 "'std': expected a number above 0");
  expect_refused(R"({"preprocessing": {"interpolation": "cubic"}})", "'interpolation'");
  expect_refused(R"({"preprocessing": {"crop_pct": 0}})", "'crop_pct'");
  expect_refused(R"({"preprocessing": {"pillow": 11}})",
                 "'pillow': expected a whole number from 12 to 13, found 11");
}

TEST(Config, GivesEachChannelAMean) {
  const auto config = parse(R"({"model": {"in_c": 1}})");
  EXPECT_THAT(config.preprocessing.mean, ElementsAre(0.5));
}

TEST(Config, LetsOnlyRegisteredSizesLeaveABorderUnread) {
  // timm's own: 384 pixels, patches of 14.
  EXPECT_NO_THROW(parse(R"({"architecture": "vit_so400m_patch14_siglip_384"})"));
  expect_refused(R"({"architecture": "vit_so400m_patch14_siglip_384", "model": {"img_size": 385}})",
                 "divisor");
}

TEST(TimmConfig, TakesTheHubsForm) {
  std::vector<std::string> warnings;
  const auto config = config_from_timm_json(
      Json::parse(R"({"architecture": "vit_base_patch16_clip_224", "num_classes": 2,
                      "model_args": {"depth": 3}, "label_names": ["cat", "dog"],
                      "label_descriptions": {"cat": "a small carnivore"},
                      "pretrained_cfg": {"tag": "openai", "input_size": [3, 256, 256],
                        "fixed_input_size": true, "mean": [0.1, 0.2, 0.3], "std": [1, 1, 1],
                        "crop_pct": 1.0, "crop_mode": "squash", "interpolation": "bilinear"}})"),
      "file", warnings);
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_EQ(config.model.depth(), 3);
  EXPECT_EQ(config.model.num_classes(), 2);
  EXPECT_EQ(config.model.img_size(), (Size2d{256, 256}));
  EXPECT_TRUE(config.model.pre_norm());
  EXPECT_THAT(config.labels, ElementsAre("cat", "dog"));
  EXPECT_THAT(config.preprocessing.mean, ElementsAre(0.1, 0.2, 0.3));
  EXPECT_EQ(config.preprocessing.crop_mode, "squash");
  const auto again = config_from_json(to_json(config), "file");
  EXPECT_EQ(again.label_descriptions.at("cat"), "a small carnivore");
}

TEST(TimmConfig, LeavesOutDescriptionsOfNoLabel) {
  std::vector<std::string> warnings;
  const auto config = config_from_timm_json(
      Json::parse(R"({"architecture": "vit_tiny_patch16_224", "num_classes": 2,
                      "label_names": ["cat", "dog"], "pretrained_cfg": {"mean": [0, 0, 0],
                      "std": [1, 1, 1], "label_descriptions": {"dog": "barks", "cow": "moos"}}})"),
      "file", warnings);
  EXPECT_THAT(config.label_descriptions, ElementsAre(Pair("dog", "barks")));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("label_descriptions")));
}

TEST(Config, DropsDescriptionsWithTheirLabels) {
  auto config = parse(R"({"model": {"num_classes": 2}, "labels": ["a", "b"],
                          "label_descriptions": {"a": "first", "b": "second"}})");
  set_labels(config, {"b", "c"});
  EXPECT_THAT(config.label_descriptions, ElementsAre(Pair("b", "second")));
}

TEST(TimmConfig, TakesTheOlderFlatForm) {
  const auto config = parse_timm(R"({"architecture": "vit_tiny_patch16_224", "num_classes": 3,
      "input_size": [3, 224, 224], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
      "labels": ["a", "b", "c"]})");
  EXPECT_EQ(config.model.num_classes(), 3);
  EXPECT_THAT(config.labels, ElementsAre("a", "b", "c"));
}

TEST(TimmConfig, WithoutPretrainedCfgIsTheArchitecturesDefaultEntry) {
  const auto config =
      parse_timm(R"({"architecture": "vit_base_patch16_clip_384", "model_args": {"depth": 3}})");
  EXPECT_EQ(config.model.img_size(), (Size2d{384, 384}));
  EXPECT_EQ(config.model.depth(), 3);
  EXPECT_EQ(config.model.num_classes(), 1000);
  EXPECT_NEAR(config.preprocessing.mean[0], 0.48145466, 1e-12);  // CLIP's
  EXPECT_EQ(parse_timm(R"({"architecture": "vit_base_patch16_clip_384", "num_classes": 3})")
                .model.img_size(),
            (Size2d{384, 384}));
  // A size that is said, and one of a tag.
  EXPECT_EQ(parse_timm(R"({"architecture": "vit_base_patch16_clip_384",
                           "model_args": {"img_size": 160, "dynamic_img_size": true}})")
                .model.img_size(),
            (Size2d{160, 160}));
  EXPECT_EQ(
      parse_timm(R"({"architecture": "test_vit.r160_in1k", "model_args": {}})").model.img_size(),
      (Size2d{160, 160}));
}

TEST(TimmConfig, SaysNothingOfArchitecturesThatTimmDoesNotHave) {
  for (const std::string name : {"vit_base_patch16_224.seed", "vit_mini_patch4_28"})
    EXPECT_THAT(
        [&] { parse_timm(R"({"architecture": ")" + name + R"(", "model_args": {"depth": 3}})"); },
        ThrowsMessage<DataError>(HasSubstr("is not one of timm's")));
}

TEST(TimmConfig, ItsMeanIsAveragedForAGreyModelAndForNoOther) {
  const std::string start = R"({"architecture": "vit_tiny_patch16_224", "pretrained_cfg": {)";
  const std::string mean = R"("std": [1, 1, 1], "mean": [0.25, 0.5, 0.75])";
  EXPECT_THAT(parse_timm(start + mean + R"(}, "model_args": {"in_chans": 1}})").preprocessing.mean,
              ElementsAre(0.5));
  EXPECT_THAT([&] { parse_timm(start + R"("std": [1, 1, 1], "mean": [1, 2, 3, 4]}})"); },
              ThrowsMessage<DataError>(HasSubstr("'mean': expected 3 values")));
}

TEST(TimmConfig, TakesLabelsByIndex) {
  const auto config = parse_timm(R"({"architecture": "vit_tiny_patch16_224", "num_classes": 2,
      "label_names": {"1": "dog", "0": "cat"}, "pretrained_cfg": {}})");
  EXPECT_THAT(config.labels, ElementsAre("cat", "dog"));
}

TEST(TimmConfig, WarnsOfKeysThatItDoesNotUnderstand) {
  std::vector<std::string> warnings;
  config_from_timm_json(Json::parse(R"({"architecture": "vit_tiny_patch16_224", "frames": 8,
      "pretrained_cfg": {"mean": [0, 0, 0], "std": [1, 1, 1], "colour": "red"}})"),
                        "file", warnings);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("'frames'"), HasSubstr("'pretrained_cfg.colour'")));
}

TEST(TimmConfig, RefusesArgumentsThatItCannotHonour) {
  EXPECT_THAT(
      [] {
        parse_timm(R"({"architecture": "vit_tiny_patch16_224", "pretrained_cfg": {},
                       "model_args": {"rope": true}})");
      },
      ThrowsMessage<DataError>(HasSubstr("'rope' with value true is not supported")));
  EXPECT_THAT([] { parse_timm(R"({"architecture": "resnet50"})"); },
              ThrowsMessage<DataError>(HasSubstr("unknown architecture 'resnet50'")));
  EXPECT_THAT([] { parse_timm(R"({"num_classes": 3})"); },
              ThrowsMessage<DataError>(HasSubstr("expected 'architecture'")));
}

}  // namespace
}  // namespace vit::config
