#include "vit/data/label_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "support/error_of.h"
#include "support/support.h"
#include "vit/core/error.h"
#include "vit/data/encode.h"
#include "vit/data/multi_label_metrics.h"

namespace vit::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vit::testing::error_of;
using vit::testing::TemporaryFolder;

Array array(std::vector<std::int64_t> shape, std::vector<float> values) {
  Array made(shape);
  made.data = std::move(values);
  return made;
}

class LabelTableTest : public ::testing::Test {
 protected:
  LabelTable read(const std::string& text) {
    std::ofstream(folder_ / "labels.csv", std::ios::binary) << text;
    return read_label_table(folder_ / "labels.csv");
  }
  std::string fault(const std::string& text) {
    return error_of([&] { read(text); });
  }

  TemporaryFolder folder_;
};

TEST_F(LabelTableTest, ReadsAColumnAClass) {
  const auto table = read(
      "\xEF\xBB\xBF"
      "file,cat,\"big, dog\"\r\na.png,1,0\r\n\r\n\"b \"\".png\",1,1\nc.png,0,0");
  EXPECT_THAT(table.classes, ElementsAre("cat", "big, dog"));
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[1].file, "b \".png");
  EXPECT_THAT(table.rows[0].classes, ElementsAre(0));
  EXPECT_THAT(table.rows[1].classes, ElementsAre(0, 1));
  EXPECT_THAT(table.rows[2].classes, ElementsAre());
}

TEST_F(LabelTableTest, ReadsOneColumnOfNames) {
  const auto table = read("file,labels\na,sea;sky\nb,\nc,sky | hill;sky\n");
  EXPECT_THAT(table.classes, ElementsAre("hill", "sea", "sky"));
  EXPECT_THAT(table.rows[0].classes, ElementsAre(1, 2));
  EXPECT_THAT(table.rows[1].classes, ElementsAre());
  EXPECT_THAT(table.rows[2].classes, ElementsAre(0, 2));
}

TEST_F(LabelTableTest, NamesTheLineThatIsWrong) {
  EXPECT_THAT(fault("file,a\nx,1\ny,2\n"), HasSubstr("line 3: expected 0 or 1 for 'a', found '2'"));
  EXPECT_THAT(fault("file,a,b\nx,1\n"), HasSubstr("line 2: expected 3 fields, found 2"));
  EXPECT_THAT(fault("file,labels\nx,a,b\n"), HasSubstr("line 2: expected 2 fields, found 3"));
  EXPECT_THAT(fault("file,a\nx,1\n./x,0\n"), HasSubstr("each file once"));
  EXPECT_THAT(fault("file,a,a\nx,1,1\n"), HasSubstr("a name of its own"));
  EXPECT_THAT(fault("file,a\n\"x,1\n"), HasSubstr("closing quote"));
  EXPECT_THAT(fault("file\nx\n"), HasSubstr("a column of files"));
  EXPECT_THAT(fault("file,tags\nx,sea;sky\n"), HasSubstr("is called labels or classes"));
  EXPECT_THAT(fault("file,a\n"), HasSubstr("found 0"));
}

TEST_F(LabelTableTest, GivesTheImagesOfASplit) {
  Image image(2, 2, 3);
  for (const auto* name : {"train/1.png", "train/deep/2.png", "val/3.png"}) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << encode_png(image);
  }
  auto table = read("file,a,b\ntrain/1.png,1,0\nval/3.png,1,1\ntrain/deep/2.png,0,1\n");
  const auto train = open_labelled_images(folder_.path(), "train", table, 3);
  EXPECT_TRUE(train->is_multi_label());
  EXPECT_EQ(train->size(), 2);
  EXPECT_EQ(train->label(0), -1);
  EXPECT_THAT(train->labels(1), ElementsAre(1));
  EXPECT_EQ(train->load(1).width, 2);
  EXPECT_EQ(open_labelled_images(folder_.path(), "", table, 3)->size(), 3);
  EXPECT_EQ(open_labelled_images(folder_.path(), "train/", table, 3)->size(), 2);
  EXPECT_EQ(open_labelled_images(folder_.path(), "train/deep", table, 3)->size(), 1);
  const auto before = train->fingerprint(0);
  table.rows[0].classes = {1};
  EXPECT_NE(open_labelled_images(folder_.path(), "train", table, 3)->fingerprint(0), before);
  EXPECT_THAT(error_of([&] { open_labelled_images(folder_.path(), "test", table, 3); }),
              HasSubstr("files below test/"));
  std::filesystem::remove(folder_ / "val/3.png");
  EXPECT_THAT(error_of([&] { open_labelled_images(folder_.path(), "val", table, 3); }),
              HasSubstr("val/3.png"));
}

TEST_F(LabelTableTest, TakesAllFilesOnlyWhereNoHalfIsNamedAndSomeAreHeldOut) {
  for (const auto* name : {"a/train/1.png", "images/2.png", "val/3.png"}) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << encode_png(Image(2, 2, 3));
  }
  read("file,a\na/train/1.png,1\nimages/2.png,0\nval/3.png,1\n");
  DataOptions options;
  options.labels_csv = folder_ / "labels.csv";
  const auto size = [&](Split split) {
    return open_data(folder_.path(), split, 3, options)->size();
  };
  EXPECT_THAT(error_of([&] { size(Split::kTrain); }), HasSubstr("expected train/"));
  options.holds_out = true;
  EXPECT_EQ(size(Split::kTrain), 3);
  options.train_split = "trian";
  EXPECT_THAT(error_of([&] { size(Split::kTrain); }), HasSubstr("expected trian/"));
  options.train_split = "a/train/";
  EXPECT_EQ(size(Split::kTrain), 1);
  options.val_split = "val/";
  EXPECT_EQ(size(Split::kValidation), 1);
}

TEST(MultiLabelMetrics, TakesEqualScoresTogether) {
  // scikit-learn 1.5: average_precision_score([1, 0, 1, 0], [2, 1, 1, 0]) = 0.8333…
  MultiLabelMetrics metrics(2);
  metrics.add(array({4, 2}, {2, 5, 1, 5, 1, 5, 0, 5}),
              std::vector<std::vector<std::int64_t>>{{0}, {}, {0}, {}});
  EXPECT_DOUBLE_EQ(metrics.average_precision(0).value(), 100 * (0.5 * 1 + 0.5 * 2 / 3));
  EXPECT_FALSE(metrics.average_precision(1));
  EXPECT_DOUBLE_EQ(metrics.mean_average_precision(), metrics.average_precision(0).value());
  EXPECT_THROW(metrics.add(Array({1, 2}), std::vector<std::vector<std::int64_t>>{{2}}), DataError);
}

}  // namespace
}  // namespace vit::data
