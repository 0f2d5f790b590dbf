#include "vit/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "golden.h"
#include "support/error_of.h"
#include "vit/core/error.h"

namespace vit::data {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vit::testing::error_of;
using vit::testing::GoldenImages;
using vit::testing::TemporaryFolder;

void add_image(const fs::path& path) {
  fs::create_directories(path.parent_path());
  fs::copy_file(GoldenImages::path("rgb.png"), path);
}

void write_idx(const fs::path& path, std::vector<std::uint8_t> sizes,
               const std::vector<std::uint8_t>& data) {
  std::string text{0, 0, 8, static_cast<char>(sizes.size())};
  for (const auto size : sizes) text += std::string{0, 0, 0, static_cast<char>(size)};
  text.append(data.begin(), data.end());
  std::ofstream(path, std::ios::binary) << text;
}

TEST(NaturalLess, OrdersNumbersByValueAndIgnoresCase) {
  std::vector<std::string> names{"b", "a10", "A9", "a9b", "10", "9", "a"};
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_THAT(names, ElementsAre("9", "10", "a", "A9", "a9b", "a10", "b"));
}

TEST(NaturalLess, OrdersPathsAsTimmsNaturalKey) {
  // timm 1.0.31: sorted(names, key=natural_key).
  const std::vector<std::string> expected{"x/a2/1",  "x/a10/007", "x/a10/7b", "x/a10/08",
                                          "x/a b/1", "x/a-b/2",   "x/a/1"};
  auto names = expected;
  std::reverse(names.begin(), names.end());
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_EQ(names, expected);
}

TEST(ClassFolders, OrdersClassesAndFilesNaturally) {
  const TemporaryFolder folder;
  for (const auto* name : {"n10/a.png", "n9/x10.png", "n9/x9.PNG", "more/n2/y.png", "stray.png"})
    add_image(folder / name);
  std::ofstream(folder / "n9/notes.txt") << "no image";
  const auto dataset = open_class_folders(folder.path(), 3);
  EXPECT_THAT(dataset->classes(), ElementsAre("n2", "n9", "n10"));
  ASSERT_EQ(dataset->size(), 4);
  EXPECT_EQ(dataset->name(0), (folder / "more/n2/y.png").string());
  EXPECT_EQ(dataset->name(1), (folder / "n9/x9.PNG").string());
  EXPECT_EQ(dataset->name(2), (folder / "n9/x10.png").string());
  EXPECT_EQ(dataset->label(0), 0);
  EXPECT_EQ(dataset->label(2), 1);
  EXPECT_EQ(dataset->label(3), 2);
  EXPECT_EQ(dataset->load(3).width, 23);
}

TEST(ClassFolders, KeepTheBytesOfNamesThatAreNotUtf8) {
  const TemporaryFolder folder;
  add_image(folder /
            "r\xE9"
            "d/a.png");
  add_image(folder / "blue/a.png");
  EXPECT_THAT(open_class_folders(folder.path(), 3)->classes(), ElementsAre("blue",
                                                                           "r\xE9"
                                                                           "d"));
}

TEST(ClassFolders, TellWhetherAnImageIsStillTheSameWhereverTheyStand) {
  const TemporaryFolder folder;
  for (const auto* name : {"data/a/1.png", "data/b/1.png", "data/b/2.png"})
    add_image(folder / name);
  const auto before = open_class_folders(folder / "data", 3);
  EXPECT_NE(before->fingerprint(1), before->fingerprint(2));
  fs::copy(folder / "data", folder / "moved", fs::copy_options::recursive);
  std::ofstream(folder / "moved/b/2.png", std::ios::app) << "more";
  const auto after = open_class_folders(folder / "moved", 3);
  EXPECT_EQ(before->fingerprint(1), after->fingerprint(1));
  EXPECT_NE(before->fingerprint(2), after->fingerprint(2));
}

TEST(ClassFolders, NamesAFolderWithoutImages) {
  const TemporaryFolder folder;
  add_image(folder / "full/a.png");
  fs::create_directories(folder / "empty");
  EXPECT_THAT(error_of([&] { open_class_folders(folder.path(), 3); }),
              HasSubstr((folder / "empty").string() + ": expected images"));
  EXPECT_THROW(open_class_folders(folder / "missing", 3), IoError);
  EXPECT_THROW(open_class_folders(folder / "full", 3), DataError);
}

TEST(ClassFolders, EndsWhereLinksGoRound) {
  const TemporaryFolder folder;
  add_image(folder / "a/one.png");
  fs::create_directory_symlink(folder.path(), folder / "a/round");
  EXPECT_LT(open_class_folders(folder.path(), 3)->size(), 4);
}

TEST(OpenData, FindsValidationByEitherName) {
  for (const std::string name : {"val", "validation"}) {
    const TemporaryFolder folder;
    add_image(folder / "train/a/1.png");
    add_image(folder / (name + "/a/2.png"));
    EXPECT_EQ(open_data(folder.path(), Split::kValidation, 3)->size(), 1);
    EXPECT_EQ(open_data(folder.path(), Split::kTrain, 3)->size(), 1);
  }
}

TEST(OpenData, SaysWhatIsMissing) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { open_data(folder.path(), Split::kTrain, 3); }), HasSubstr("train/"));
  add_image(folder / "train/a/1.png");
  add_image(folder / "train/b/1.png");
  EXPECT_THAT(error_of([&] { open_data(folder.path(), Split::kValidation, 3); }),
              HasSubstr("val/ or validation/"));
  add_image(folder / "val/a/1.png");
  add_image(folder / "val/c/1.png");
  EXPECT_THAT(error_of([&] { open_data(folder.path(), Split::kValidation, 3); }),
              HasSubstr("missing: b; unknown: c"));
  EXPECT_THROW(open_data(folder / "nowhere", Split::kTrain, 3), IoError);
}

TEST(ClassFolders, LeavesOutWhatAClassMapDoesNotName) {
  const TemporaryFolder folder;
  for (const auto* name : {"a/1.png", "b/1.png", "b/2.png", "c/1.png"}) add_image(folder / name);
  const auto data = open_class_folders(folder.path(), 3, {"c", "", "a"});
  EXPECT_THAT(data->classes(), ElementsAre("c", "1", "a"));
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(data->label(0), 2);  // a/1.png
  EXPECT_EQ(data->label(1), 0);
  EXPECT_EQ(data->left_out(), 2);
  EXPECT_EQ(open_class_folders(folder.path(), 3)->left_out(), 0);
  EXPECT_THAT(error_of([&] { open_class_folders(folder.path(), 3, {"d"}); }),
              HasSubstr("of its 3 class folders the class map names none"));
}

TEST(OpenData, TakesSplitsByNameAndClassMapsInItsFolder) {
  const TemporaryFolder folder;
  for (const auto* name : {"first/a/1.png", "first/b/1.png", "second/b/1.png"})
    add_image(folder / name);
  std::ofstream(folder / "map.txt") << "b\na\n";
  const DataOptions options{"first", "second", "map.txt"};
  EXPECT_EQ(open_data(folder.path(), Split::kTrain, 3, options)->label(0), 1);
  EXPECT_EQ(open_data(folder.path(), Split::kValidation, 3, options)->label(0), 0);
  EXPECT_THAT(error_of([&] {
                open_data(folder.path(), Split::kTrain, 3, {"third", "second", {}});
              }),
              HasSubstr("third/"));
  EXPECT_THAT(error_of([&] {
                open_data(folder.path(), Split::kValidation, 3, {"first", "4", {}});
              }),
              HasSubstr("4/"));
}

TEST(OpenData, RefusesAnotherClassMapInTheOtherHalf) {
  const TemporaryFolder folder;
  for (const auto* name : {"train/a/1.png", "train/b/1.png", "val/a/1.png", "val/b/1.png"})
    add_image(folder / name);
  std::ofstream(folder / "train/map.txt") << "a\nb\n";
  std::ofstream(folder / "val/map.txt") << "b\na\n";
  const DataOptions options{"train", "val", "map.txt"};
  EXPECT_EQ(open_data(folder.path(), Split::kTrain, 3, options)->label(0), 0);
  EXPECT_THAT(error_of([&] { open_data(folder.path(), Split::kValidation, 3, options); }),
              HasSubstr("the first difference: a, found b"));
  std::ofstream(folder / "val/map.txt") << "a\nb\n";
  EXPECT_EQ(open_data(folder.path(), Split::kValidation, 3, options)->label(0), 0);
}

TEST(OpenData, ValidatesOnTheTrainingHalfOfMnistWhereAskedTo) {
  const TemporaryFolder folder;
  write_idx(folder / "train-images-idx3-ubyte", {1, 1, 1}, {1});
  write_idx(folder / "train-labels-idx1-ubyte", {1}, {0});
  EXPECT_EQ(open_data(folder.path(), Split::kValidation, 1, {"train", "train", {}})->size(), 1);
  EXPECT_THROW(open_data(folder.path(), Split::kTrain, 1, {"train", "val", "map.txt"}), UsageError);
}

TEST(OpenData, ReadsMnistNamedFiles) {
  const TemporaryFolder folder;
  write_idx(folder / "train-images-idx3-ubyte", {2, 1, 2}, {1, 2, 3, 4});
  write_idx(folder / "train-labels-idx1-ubyte", {2}, {0, 4});
  write_idx(folder / "t10k-images-idx3-ubyte", {1, 1, 2}, {5, 6});
  write_idx(folder / "t10k-labels-idx1-ubyte", {1}, {3});
  const auto train = open_data(folder.path(), Split::kTrain, 1);
  EXPECT_EQ(train->size(), 2);
  EXPECT_EQ(train->classes().size(), 5U);
  EXPECT_EQ(train->label(1), 4);
  EXPECT_THAT(train->load(1).pixels, ElementsAre(3, 4));
  EXPECT_THAT(open_data(folder.path(), Split::kValidation, 3)->load(0).pixels,
              ElementsAre(5, 5, 5, 6, 6, 6));
  EXPECT_EQ(open_validation(folder.path(), 1)->size(), 1);
}

TEST(OpenIdx, RefusesCountsThatDiffer) {
  const TemporaryFolder folder;
  write_idx(folder / "images", {2, 1, 1}, {1, 2});
  write_idx(folder / "labels", {3}, {0, 1, 2});
  EXPECT_THAT(error_of([&] { open_idx(folder / "images", folder / "labels", 1); }),
              HasSubstr("labels: expected 2 labels, as many as there are images, found 3"));
  EXPECT_THROW(open_idx(folder / "labels", folder / "images", 1), DataError);
}

TEST(OpenIdx, SaysWhichHalfOfAPairIsMissing) {
  const TemporaryFolder folder;
  write_idx(folder / "train-images-idx3-ubyte", {1, 1, 1}, {1});
  EXPECT_THAT(error_of([&] { open_data(folder.path(), Split::kTrain, 1); }),
              HasSubstr("found only one of them"));
  EXPECT_THAT(error_of([&] { open_data(folder.path(), Split::kValidation, 1); }),
              HasSubstr("t10k-images-idx3-ubyte"));
}

}  // namespace
}  // namespace vit::data
