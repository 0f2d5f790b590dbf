#include "vit/infer/class_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vit/core/error.h"

namespace vit::infer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using Names = std::vector<std::string>;

ModelConfig config_of(Names labels, std::int64_t num_classes) {
  ModelConfig config;
  config.labels = std::move(labels);
  config.model.num_classes(num_classes);
  return config;
}

/// What is said of classes that cannot be met.
std::string refusal(const Names& classes, const ModelConfig& config,
                    const ClassMappingOptions& options = {}) {
  try {
    map_classes(classes, config, options);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(MapClasses, GoesByTheModelsLabels) {
  const auto mapping = map_classes({"cat", "dog"}, config_of({"dog", "bird", "cat"}, 3));
  EXPECT_THAT(mapping.classes, ElementsAre(2, 0));
  EXPECT_THAT(mapping.labels, ElementsAre("dog", "bird", "cat"));
}

TEST(MapClasses, NeverGoesByOrderWhereOneNameDiffers) {
  const auto said = refusal({"bird", "cat", "dogs"}, config_of({"dog", "bird", "cat"}, 3));
  EXPECT_THAT(said, HasSubstr("class 'dogs' (nearest: 'dog')"));
  EXPECT_THAT(said, HasSubstr("1 of 3"));
  EXPECT_THAT(
      refusal({"n01", "n02"}, config_of({"tench", "goldfish"}, 2)),
      HasSubstr("classes 'n01', 'n02': expected labels of the model ('tench', 'goldfish')"));
}

TEST(MapClasses, GoesByOrderWhereTheModelHasNoLabelsAndTheCountsAgree) {
  const auto mapping = map_classes({"n01", "n02"}, config_of({}, 2));
  EXPECT_THAT(mapping.classes, ElementsAre(0, 1));
  EXPECT_THAT(mapping.labels, ElementsAre("n01", "n02"));
  EXPECT_THAT(refusal({"n01", "n02"}, config_of({}, 3)), HasSubstr("the model's 3"));
}

TEST(MapClasses, GoesByOrderWhereThatIsAskedFor) {
  ClassMappingOptions options;
  options.by_order = true;
  const auto config = config_of({"dog", "bird", "cat"}, 3);
  const auto mapping = map_classes({"bird", "cat", "dog"}, config, options);
  EXPECT_THAT(mapping.classes, ElementsAre(0, 1, 2));
  EXPECT_THAT(mapping.labels, ElementsAre("dog", "bird", "cat"));
  EXPECT_THAT(refusal({"bird", "cat"}, config, options), HasSubstr("the model's 3"));
}

TEST(MapClasses, GoesByTheClassMapInPlaceOfTheLabels) {
  ClassMappingOptions options;
  options.class_map = {"n01", "", "n02"};
  const auto config = config_of({"dog", "bird", "cat"}, 3);
  const auto mapping = map_classes({"n01", "n02"}, config, options);
  EXPECT_THAT(mapping.classes, ElementsAre(0, 2));
  EXPECT_THAT(mapping.labels, ElementsAre("dog", "bird", "cat"));
  EXPECT_THAT(refusal({"n01", "dog"}, config, options), HasSubstr("'dog'"));
  options.class_map = {"a", "b", "c", "d"};
  EXPECT_THAT(refusal({"a"}, config, options), HasSubstr("class map"));
}

TEST(MapClasses, GoesByIndexWhereTheClassesAreNumbers) {
  ClassMappingOptions options;
  options.by_index = true;
  const auto config = config_of({"shirt", "bag", "boot"}, 3);
  EXPECT_THAT(map_classes({"0", "1"}, config, options).classes, ElementsAre(0, 1));
  EXPECT_THAT(refusal({"0", "1", "2", "3"}, config, options), HasSubstr("0 to 2"));
}

TEST(MapClasses, GoesByTheNumbersThatFoldersAreNamedWhereThereAreNoLabels) {
  EXPECT_THAT(map_classes({"0", "7"}, config_of({}, 10)).classes, ElementsAre(0, 7));
  EXPECT_THAT(refusal({"0", "10"}, config_of({}, 10)), HasSubstr("the model's 10"));
  // With labels a number is a name like any other.
  EXPECT_THAT(refusal({"0", "1"}, config_of({"shirt", "bag"}, 2)), HasSubstr("'0'"));
  EXPECT_THAT(map_classes({"0", "1"}, config_of({"1", "0"}, 2)).classes, ElementsAre(1, 0));
}

TEST(MapClasses, MeetsALabelWithASlashByAnEscape) {
  const auto config = config_of({"T-shirt/top", "Bag"}, 2);
  EXPECT_THAT(map_classes({"Bag", "T-shirt\\x2ftop"}, config).classes, ElementsAre(1, 0));
  EXPECT_THAT(refusal({"Bag", "T-shirt_top"}, config),
              HasSubstr("(nearest: 'T-shirt/top', as a folder 'T-shirt\\x2ftop')"));
}

TEST(MapClasses, MeetsALabelThatIsStoredEscapedByTheBytesOfAFolder) {
  EXPECT_THAT(map_classes({"caf\xe9"}, config_of({"tea", "caf\\xe9"}, 2)).classes, ElementsAre(1));
  EXPECT_THAT(refusal({"caf\xe8"}, config_of({"tea", "juice"}, 2)), HasSubstr("'caf\\xe8'"));
}

TEST(MapClasses, PrefersTheLabelThatIsTheSameBytes) {
  EXPECT_THAT(map_classes({"a\\x2fb"}, config_of({"a/b", "a\\x2fb"}, 2)).classes, ElementsAre(1));
}

TEST(MapClasses, RefusesALabelThatTwoClassesHave) {
  const auto config = config_of({"crane", "maillot", "crane"}, 3);
  EXPECT_THAT(map_classes({"maillot"}, config).classes, ElementsAre(1));
  EXPECT_THAT(refusal({"crane"}, config), HasSubstr("found 0 and 2"));
}

TEST(MapClasses, NamesThreeOfManyUnknownClasses) {
  const auto said = refusal({"aaaa", "bbbb", "cccc", "dddd"},
                            config_of({"tench", "goldfish", "shark", "ray"}, 4));
  EXPECT_THAT(said, HasSubstr("'cccc', …"));
  EXPECT_THAT(said, Not(HasSubstr("dddd")));
  EXPECT_THAT(said, HasSubstr("4 of 4"));
}

TEST(MapClasses, WantsAModelThatNamesClasses) {
  EXPECT_THROW(map_classes({"a"}, config_of({}, 0)), UsageError);
  auto config = config_of({}, 1);
  config.model.global_pool("");
  EXPECT_THROW(map_classes({"a"}, config), UsageError);
}

}  // namespace
}  // namespace vit::infer
