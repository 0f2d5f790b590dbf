#include "vit/data/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/support.h"
#include "tar.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vit::testing::error_of;
using vit::testing::tar_of;
using vit::testing::TarFiles;
using vit::testing::write_tar;

class Archive : public ::testing::Test {
 protected:
  static std::string image() {
    return read_file(vit::testing::golden_path("augment") / "flat.png");
  }

  /// Two classes, the later one first, its images not in order.
  static TarFiles imagenet() {
    return {{"n02.tar", tar_of({{"n02_10.png", image()}, {"n02_9.PNG", image()}})},
            {"LICENSE", "text"},
            {"n01.tar", tar_of({{"n01_1.png", image()}, {"n01.xml", "<>"}})}};
  }

  std::shared_ptr<const Dataset> open(const TarFiles& files, const ArchiveOptions& options = {}) {
    write_tar(tar_, files);
    return open_image_archives({tar_}, 3, options);
  }

  std::string refusal(const TarFiles& files, const ArchiveOptions& options = {}) {
    return error_of([&] { open(files, options); });
  }

  std::vector<std::int64_t> labels(const Dataset& data) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < data.size(); ++i) all.push_back(data.label(i));
    return all;
  }

  vit::testing::TemporaryFolder folder_;
  fs::path tar_ = folder_ / "a.tar";
};

TEST_F(Archive, HasTheClassesThatItsArchivesAreNamedBy) {
  const auto data = open(imagenet());
  EXPECT_THAT(data->classes(), ElementsAre("n01", "n02"));
  EXPECT_TRUE(data->has_class_names());
  EXPECT_THAT(labels(*data), ElementsAre(0, 1, 1));
  EXPECT_EQ(data->name(0), tar_.string() + "/n01.tar/n01_1.png");
  EXPECT_EQ(data->name(1), tar_.string() + "/n02.tar/n02_9.PNG");
  for (std::int64_t i = 0; i < data->size(); ++i) {
    const auto loaded = data->load(i);
    const auto expected = decode_image(vit::testing::golden_path("augment") / "flat.png", 3);
    EXPECT_EQ(loaded.pixels, expected.pixels);
  }
  EXPECT_THAT(data->files(), ElementsAre(tar_));
  EXPECT_TRUE(data->shard_sizes().empty());
  EXPECT_GT(data->bytes_in_memory(), 0);
}

TEST_F(Archive, IsTheSameWhereverItStands) {
  const auto here = open(imagenet());
  fs::create_directory(folder_ / "there");
  fs::copy(tar_, folder_ / "there/b.tar");
  const auto there = open_image_archives({folder_ / "there/b.tar"}, 3);
  for (std::int64_t i = 0; i < here->size(); ++i)
    EXPECT_EQ(here->fingerprint(i), there->fingerprint(i));
  EXPECT_NE(here->fingerprint(1), here->fingerprint(2));
}

TEST_F(Archive, PutsFoldersBeforeArchivesAsTimmDoes) {
  const auto data = open({{"x.tar", tar_of({{"cat/1.png", image()}, {"2.png", image()}})},
                          {"./some/dog/3.png", image()}});
  EXPECT_THAT(data->classes(), ElementsAre("cat", "dog", "x"));
  // In the order of the paths in the innermost archives.
  EXPECT_EQ(data->name(0), tar_.string() + "/x.tar/2.png");
  EXPECT_EQ(data->name(1), tar_.string() + "/./some/dog/3.png");
  EXPECT_THAT(labels(*data), ElementsAre(2, 1, 0));
}

TEST_F(Archive, LeavesOutImagesOfNoClass) {
  const auto data = open({{"cat/1.png", image()}, {"2.png", image()}});
  EXPECT_EQ(data->size(), 1);
  EXPECT_EQ(data->left_out(), 1);
}

TEST_F(Archive, FollowsAClassMap) {
  ArchiveOptions options;
  options.class_map = {"n03", "", "n02"};
  const auto data = open(imagenet(), options);
  EXPECT_THAT(labels(*data), ElementsAre(2, 2));
  EXPECT_EQ(data->left_out(), 1);
  EXPECT_THAT(data->classes(), ElementsAre("n03", "1", "n02"));
  options.class_map = {"n03"};
  EXPECT_THAT(refusal(imagenet(), options), HasSubstr("the class map names none"));
}

TEST_F(Archive, TakesSeveralAsOneAClass) {
  write_tar(folder_ / "dog.tar", {{"1.png", image()}});
  write_tar(folder_ / "cat.tar", {{"2.png", image()}});
  ArchiveOptions options;
  options.named_by_file = true;
  const auto data = open_image_archives({folder_ / "dog.tar", folder_ / "cat.tar"}, 3, options);
  EXPECT_THAT(data->classes(), ElementsAre("cat", "dog"));
  EXPECT_THAT(labels(*data), ElementsAre(1, 0));
}

TEST_F(Archive, IsNoClassBesideOnesThatHoldClasses) {
  fs::create_directory(folder_ / "tars");
  write_tar(folder_ / "tars/ILSVRC2012_img_train.tar", imagenet());
  write_tar(folder_ / "tars/test.tar", {{"1.png", image()}});
  EXPECT_THAT(error_of([&] { open_data(folder_ / "tars", Split::kTrain, 3); }),
              AllOf(HasSubstr("test.tar: expected folders or archives in it that are classes"),
                    HasSubstr("ILSVRC2012_img_train.tar has, found images alone")));
  fs::remove(folder_ / "tars/ILSVRC2012_img_train.tar");
  EXPECT_THAT(error_of([&] { open_data(folder_ / "tars", Split::kTrain, 3); }),
              HasSubstr("expected a class for each image"));
}

TEST_F(Archive, HasNoHiddenMembers) {
  const auto inner = tar_of({{"._n01_1.JPEG", "macOS"}, {"n01_1.png", image()}});
  const auto data = open({{"._n01.tar", "macOS"}, {"n01.tar", inner}, {"x/._1.png", "macOS"}});
  EXPECT_EQ(data->size(), 1);
  EXPECT_THAT(data->classes(), ElementsAre("n01"));
  EXPECT_EQ(data->left_out(), 0);
  write_tar(tar_, {{"._1.tar", "macOS"}, {"1.png", image()}, {"1.cls", "0"}});
  EXPECT_FALSE(is_image_archive(tar_));
}

TEST_F(Archive, PackedWithItsFolderHasTheClassesOfAFile) {
  ArchiveOptions options;
  options.file_classes = {{"1.png", "n02"}, {"2.png", "n01"}};
  const auto data = open({{"val/1.png", image()}, {"val/2.png", image()}}, options);
  EXPECT_THAT(data->classes(), ElementsAre("n01", "n02"));
  EXPECT_THAT(labels(*data), ElementsAre(1, 0));
  EXPECT_THAT(refusal({{"a/1.png", image()}, {"b/2.png", image()}}, options),
              HasSubstr("its folders and archives are classes"));
}

TEST_F(Archive, OfEachHalfHasTheClassesOfOneFile) {
  fs::create_directory(folder_ / "data");
  write_tar(folder_ / "data/train.tar", {{"t1.png", image()}, {"t2.png", image()}});
  write_tar(folder_ / "data/val.tar", {{"v1.png", image()}});
  write_file(folder_ / "data/map.txt", "t1.png cat\nt2.png dog\nv1.png dog\n");
  DataOptions options;
  options.class_map = "map.txt";
  const auto train = open_data(folder_ / "data", Split::kTrain, 3, options);
  EXPECT_THAT(labels(*train), ElementsAre(0, 1));
  EXPECT_THAT(labels(*open_data(folder_ / "data", Split::kValidation, 3, options)), ElementsAre(1));
}

TEST_F(Archive, OfImagesAloneHasTheClassesOfAFile) {
  const TarFiles flat{{"val/", ""}, {"2.png", image()}, {"1.png", image()}, {"3.png", image()}};
  ArchiveOptions options;
  EXPECT_THAT(refusal(flat), HasSubstr("a.tar: expected a class for each image"));
  options.file_classes = {{"1.png", "n02"}, {"2.png", "n01"}};
  auto data = open(flat, options);
  EXPECT_THAT(data->classes(), ElementsAre("n01", "n02"));
  EXPECT_THAT(labels(*data), ElementsAre(1, 0));
  EXPECT_EQ(data->left_out(), 1);
  options.classes = {"n00", "n01", "n02"};
  EXPECT_THAT(labels(*open(flat, options)), ElementsAre(2, 1));
  options.file_classes = {{"1.png", "2"}, {"2.png", "0"}};
  EXPECT_THAT(labels(*open(flat, options)), ElementsAre(2, 0));
  options.file_classes[0].class_name = "3";
  EXPECT_THAT(refusal(flat, options),
              HasSubstr("a class of 0 to 2 for the image '1.png', found 3"));
  options.file_classes[0].class_name = "n07";
  EXPECT_THAT(refusal(flat, options), HasSubstr("for the image '1.png', found 'n07'"));
  options.classes.clear();
  options.file_classes = {{"1.png", "2"}, {"2.png", "0"}};
  data = open(flat, options);
  EXPECT_FALSE(data->has_class_names());
  EXPECT_EQ(data->classes().size(), 3U);
  options.file_classes.push_back({"4.png", "0"});
  EXPECT_THAT(refusal(flat, options), HasSubstr("expected the image '4.png'"));
  EXPECT_THAT(refusal(imagenet(), options), HasSubstr("its folders and archives are classes"));
}

TEST_F(Archive, RefusesWhatIsDamagedOrNoArchiveOfImagesNamingIt) {
  auto inner = tar_of({{"1.png", image()}});
  EXPECT_THAT(refusal({{"n01.tar", inner.substr(0, 520)}}),
              AllOf(HasSubstr("a.tar/n01.tar: expected a member of"), HasSubstr("cut short")));
  EXPECT_THAT(refusal({{"n01.tar", ""}}), HasSubstr("a.tar/n01.tar: expected a tar archive"));
  EXPECT_THAT(refusal({{"n01.tar", image()}}), HasSubstr("a.tar/n01.tar: expected a"));
  EXPECT_THAT(refusal({{"n01.tar", tar_of({{"x.txt", "1"}})}}),
              HasSubstr("a.tar/n01.tar: expected images, found none"));
  EXPECT_THAT(
      refusal({{"n01.tar", tar_of({{"deep.tar", inner}})}}),
      HasSubstr("a.tar/n01.tar: expected images, found an archive three levels deep: 'deep.tar'"));
  EXPECT_THAT(refusal({{"x.txt", "1"}}), HasSubstr("a.tar: expected images, found none"));
  inner.replace(124, 11, "77777777777");  // 8 GiB, as the header says
  int sum = 0;
  inner.replace(148, 8, "        ");
  for (int i = 0; i < 512; ++i)
    sum += static_cast<unsigned char>(inner[static_cast<std::size_t>(i)]);
  char checksum[8];
  std::snprintf(checksum, sizeof checksum, "%06o", static_cast<unsigned>(sum));
  inner.replace(148, 7, checksum, 7);
  EXPECT_THAT(refusal({{"n01.tar", inner}}),
              HasSubstr("a.tar/n01.tar: expected a member of 8589934591 bytes"));
  write_tar(tar_, imagenet());
  fs::resize_file(tar_, 1024);
  EXPECT_THAT(error_of([&] { open_image_archives({tar_}, 3); }), HasSubstr("a.tar: expected"));
  EXPECT_THROW(open_image_archives({folder_ / "none.tar"}, 3), IoError);
}

TEST_F(Archive, NamesAnImageThatIsNoLongerThere) {
  const auto data = open(imagenet());
  fs::resize_file(tar_, 1024);
  EXPECT_THAT(error_of([&] { data->load(0); }), HasSubstr("a.tar/n01.tar/n01_1.png: expected the"));
}

TEST_F(Archive, IsToldFromAShard) {
  const auto is_archive = [&](const TarFiles& files) {
    write_tar(tar_, files);
    return is_image_archive(tar_);
  };
  EXPECT_TRUE(is_archive(imagenet()));
  EXPECT_TRUE(is_archive({{"1.png", image()}, {"cat/2.png", image()}}));
  EXPECT_FALSE(is_archive({{"1.png", image()}, {"1.cls", "0"}}));
  EXPECT_FALSE(is_archive({{"1.json", "{}"}, {"1.png", image()}}));
  EXPECT_FALSE(is_archive({{"notes.txt", "1"}}));
}

TEST_F(Archive, IsAHalfOfADatasetByImagenetsNames) {
  fs::create_directory(folder_ / "data");
  const auto train = folder_ / "data/ILSVRC2012_img_train.tar";
  const auto val = folder_ / "data/ILSVRC2012_img_val.tar";
  write_tar(train, imagenet());
  EXPECT_FALSE(find_archive_halves(folder_ / "data"));
  EXPECT_EQ(open_data(folder_ / "data", Split::kTrain, 3)->size(), 3) << "alone in its folder";
  EXPECT_EQ(open_data(train, Split::kTrain, 3)->size(), 3);
  write_tar(val, {{"v2.JPEG", image()}, {"v1.JPEG", image()}});
  fs::create_directory(folder_ / "data/devkit");
  ASSERT_TRUE(find_archive_halves(folder_ / "data"));
  DataOptions named;
  named.val_split = "test";
  EXPECT_FALSE(find_archive_halves(folder_ / "data", named));
  fs::copy(val, folder_ / "data/test.tar");
  ASSERT_TRUE(find_archive_halves(folder_ / "data", named));
  EXPECT_EQ(find_archive_halves(folder_ / "data", named)->validation, folder_ / "data/test.tar");
  fs::remove(folder_ / "data/test.tar");
  fs::create_directory(folder_ / "data/train");
  EXPECT_FALSE(find_archive_halves(folder_ / "data")) << "unpacked";
  fs::remove(folder_ / "data/train");
  write_file(folder_ / "data/val.txt", "v1.JPEG n02\nv2.JPEG n01\n");
  DataOptions options;
  options.class_map = "val.txt";
  options.train = open_data(folder_ / "data", Split::kTrain, 3, options);
  EXPECT_THAT(labels(*options.train), ElementsAre(0, 1, 1));
  for (const bool known : {true, false}) {
    if (!known) options.train = nullptr;
    const auto half = open_data(folder_ / "data", Split::kValidation, 3, options);
    EXPECT_THAT(labels(*half), ElementsAre(1, 0));
    EXPECT_THAT(half->classes(), ElementsAre("n01", "n02"));
  }
  EXPECT_EQ(open_validation(folder_ / "data", 3, folder_ / "data/val.txt")->size(), 2);
  EXPECT_THAT(error_of([&] { open_data(folder_ / "data", Split::kValidation, 3); }),
              HasSubstr("expected a class for each image"));
  write_tar(val, {{"n02.tar", tar_of({{"1.png", image()}})}});
  EXPECT_THAT(error_of([&] { open_data(folder_ / "data", Split::kValidation, 3); }),
              HasSubstr("missing: n01"));
}

TEST_F(Archive, MayBeOneAClassInAHalfsFolder) {
  for (const auto* half : {"train", "val"}) {
    fs::create_directories(folder_ / half);
    for (const auto* name : {"dog", "cat"})
      write_tar(folder_ / half / (std::string(name) + ".tar"), {{"1.png", image()}});
  }
  for (const auto split : {Split::kTrain, Split::kValidation})
    EXPECT_THAT(open_data(folder_.path(), split, 3)->classes(), ElementsAre("cat", "dog"));
}

}  // namespace
}  // namespace vit::data
