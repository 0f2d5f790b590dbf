#include "vit/infer/validate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "vit/core/error.h"

namespace vit::infer {
namespace {

ModelConfig config_of(std::vector<std::string> labels, std::int64_t num_classes) {
  ModelConfig config;
  config.labels = std::move(labels);
  config.model.num_classes(num_classes);
  return config;
}

using Classes = std::vector<std::int64_t>;

TEST(MapClasses, GoesByTheModelsLabels) {
  EXPECT_EQ(map_classes({"cat", "dog"}, config_of({"dog", "bird", "cat"}, 3), nullptr),
            (Classes{2, 0}));
}

TEST(MapClasses, GoesByOrderWhereTheCountsAgree) {
  EXPECT_EQ(map_classes({"n01", "n02"}, config_of({"tench", "goldfish"}, 2), nullptr),
            (Classes{0, 1}));
  EXPECT_EQ(map_classes({"n01", "n02"}, config_of({}, 2), nullptr), (Classes{0, 1}));
}

TEST(MapClasses, GoesByNumberWhereTheNamesAreNumbers) {
  EXPECT_EQ(map_classes({"0", "1"}, config_of({"shirt", "bag", "boot"}, 3), nullptr),
            (Classes{0, 1}));
}

TEST(MapClasses, NamesAClassThatTheModelDoesNotHave) {
  try {
    map_classes({"cat", "cow"}, config_of({"dog", "bird", "cat"}, 3), nullptr);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("'cow'"), std::string::npos);
  }
}

ValidateResult two_images() {
  ValidateResult result{model::Metrics(3, true), 0, false, {}};
  result.metrics.add(at::tensor({0.0F, 9.0F, 1.0F, 9.0F, 0.0F, 1.0F}).reshape({2, 3}),
                     at::tensor(std::vector<std::int64_t>{1, 2}, at::kLong));
  return result;
}

TEST(ValidationReport, HoldsPercentAndTheClassesThatHaveImages) {
  const auto json = validation_json(two_images(), {"a", "b", "c"});
  EXPECT_EQ(json["images"], 2);
  EXPECT_EQ(json["top1"], 50.0);
  EXPECT_EQ(json["top5"], 100.0);
  ASSERT_EQ(json["per_class"].size(), 2U);
  EXPECT_EQ(json["per_class"][1]["label"], "c");
  EXPECT_EQ(json["per_class"][1]["top1"], 0.0);
}

TEST(ValidationReport, PutsTrueClassesInRows) {
  EXPECT_EQ(confusion_csv(two_images().metrics, {"a", "b", "c,d"}),
            "true\\predicted,a,b,\"c,d\"\na,0,0,0\nb,0,1,0\n\"c,d\",1,0,0\n");
}

}  // namespace
}  // namespace vit::infer
