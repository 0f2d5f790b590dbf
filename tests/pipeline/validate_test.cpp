#include "vit/pipeline/validate.h"

#include <gtest/gtest.h>

#include "support/support.h"
#include "vit/core/file.h"
#include "vit/data/encode.h"

namespace vit::pipeline {
namespace {

data::Evaluation two_images() {
  data::Evaluation result{data::Metrics(3, true), 0, false, {}};
  Array logits({2, 3});
  logits.data = {0, 9, 1, 9, 0, 1};
  result.metrics.add(logits, std::vector<std::int64_t>{1, 2});
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

TEST(ValidationReport, ShowsNamesThatAreNotUtf8Escaped) {
  const std::vector<std::string> labels{"a", "caf\xe9", "c"};
  EXPECT_EQ(validation_json(two_images(), labels)["per_class"][0]["label"], "caf\\xe9");
  EXPECT_NO_THROW(validation_json(two_images(), labels).dump());
  EXPECT_NE(validation_text(two_images(), labels).find("caf\\xe9"), std::string::npos);
  EXPECT_NE(confusion_csv(two_images().metrics, labels).find("caf\\xe9"), std::string::npos);
}

void make_folders(const std::filesystem::path& root, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    std::filesystem::create_directories(root / name);
    write_file(root / name / "x.png", data::encode_png(data::Image(2, 2, 3)));
  }
}

TEST(OpenValidationData, TakesTheValidatingHalfOfAWholeDataset) {
  const vit::testing::TemporaryFolder folder;
  make_folders(folder.path(), {"train/a", "train/b", "validation/b"});
  const auto data = open_validation_data({folder.path().string()}, 3);
  EXPECT_FALSE(data.by_index);
  EXPECT_EQ(data.dataset->classes(), (std::vector<std::string>{"b"}));
}

TEST(OpenValidationData, TakesTheHalfThatTrainingValidatesOn) {
  const vit::testing::TemporaryFolder folder;
  make_folders(folder.path(), {"training/a", "valid/a"});
  const auto size = [&] {
    return open_validation_data({folder.path().string()}, 3).dataset->classes().size();
  };
  EXPECT_EQ(size(), 1U);  // and not training/ and valid/
  make_folders(folder.path(), {"val/a", "val/b", "validation/a", "validation/b", "validation/c"});
  EXPECT_EQ(size(), 3U);
}

TEST(OpenValidationData, TakesFoldersNamedTrainAndValForClassesWhereTheyHoldImages) {
  const vit::testing::TemporaryFolder folder;
  make_folders(folder.path(), {"train", "val"});
  EXPECT_EQ(open_validation_data({folder.path().string()}, 3).dataset->classes(),
            (std::vector<std::string>{"train", "val"}));
}

}  // namespace
}  // namespace vit::pipeline
