#include "vit/data/shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "support/support.h"
#include "tar.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/json.h"
#include "vit/data/sampler.h"
#include "vit/data/subset.h"

namespace vit::data {
namespace {

using ::testing::HasSubstr;
using vit::testing::write_tar;

std::filesystem::path shard(const std::string& name) {
  return vit::testing::golden_path("shards") / (name + ".tar");
}

Json expected() {
  return Json::parse(read_file(vit::testing::golden_path("shards") / "expected.json"));
}

std::string png_image() { return read_file(vit::testing::golden_path("augment") / "flat.png"); }

TEST(Shards, AreWhatWebdatasetReads) {
  const auto golden = expected();
  for (const auto* form : {"ustar", "gnu", "pax"}) {
    const auto data = open_shards({shard(form)}, 3);
    std::vector<std::string> keys;
    for (const auto& sample : golden["samples"][form])
      if (sample["key"] != "empty") keys.push_back(sample["key"].get<std::string>());
    ASSERT_EQ(data->size(), std::ssize(keys)) << form;
    for (std::int64_t i = 0; i < data->size(); ++i) {
      EXPECT_EQ(data->name(i), shard(form).string() + "/" + keys[static_cast<std::size_t>(i)]);
      const auto image = data->load(i);
      EXPECT_EQ(image.height, 6);
      EXPECT_EQ(image.width, 5);
    }
    EXPECT_EQ(data->label(0), 3);
    EXPECT_EQ(data->label(1), 0);
    EXPECT_EQ(data->label(2), 2);  // of its json
    EXPECT_EQ(data->label(3), 1);
    EXPECT_EQ(data->classes(), (std::vector<std::string>{"0", "1", "2", "3"}));
    EXPECT_EQ(data->shard_sizes(), (std::vector<std::int64_t>{data->size()}));
  }
}

TEST(Shards, ReadTheClassFromTheFieldThatIsAskedFor) {
  const vit::testing::TemporaryFolder folder;
  write_tar(folder / "a.tar",
            {{"1.png", png_image()}, {"1.cls", "7"}, {"1.json", R"({"kind": 2})"}});
  EXPECT_EQ(open_shards({folder / "a.tar"}, 3)->label(0), 7);
  EXPECT_EQ(open_shards({folder / "a.tar"}, 3, {"kind"})->label(0), 2);
  EXPECT_THROW(open_shards({folder / "a.tar"}, 3, {"other"}), DataError);
}

TEST(Shards, StandOneAfterTheOther) {
  const vit::testing::TemporaryFolder folder;
  write_tar(folder / "b.tar", {{"1.png", png_image()}, {"1.cls", "1"}});
  write_tar(folder / "c.tar", {{"1.png", png_image()}, {"1.cls", "1"}});
  const auto data = open_shards({folder / "b.tar", shard("gnu"), folder / "c.tar"}, 1);
  EXPECT_THROW(open_shards({folder / "b.tar", folder / "b.tar"}, 1), UsageError);
  EXPECT_EQ(data->size(), 7);
  EXPECT_EQ(data->shard_sizes(), (std::vector<std::int64_t>{1, 5, 1}));
  EXPECT_EQ(data->name(6), (folder / "c.tar").string() + "/1");
  EXPECT_EQ(data->load(6).channels, 1);
}

TEST(Shards, RefuseASampleWithoutItsPartsNamingIt) {
  const vit::testing::TemporaryFolder folder;
  const auto refused = [&](const std::vector<std::pair<std::string, std::string>>& files) {
    write_tar(folder / "bad.tar", files);
    try {
      open_shards({folder / "bad.tar"}, 3);
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(refused({{"d/7.png", png_image()}}), HasSubstr("bad.tar/d/7: expected its class"));
  EXPECT_THAT(refused({{"7.cls", "1"}}), HasSubstr("bad.tar/7: expected an image"));
  EXPECT_THAT(refused({{"7.png", ""}, {"7.PNG", ""}, {"7.cls", "1"}}), HasSubstr("found two"));
  for (const auto* label : {"", "x", "1.5", "-1", "99999999999999999999", "1 2"})
    EXPECT_THAT(refused({{"7.png", png_image()}, {"7.cls", label}}), HasSubstr("bad.tar/7"))
        << label;
  for (const auto* json :
       {"", "[]", "{}", R"({"label": "shoe"})", R"({"label": -1})", "{\"label\""})
    EXPECT_THAT(refused({{"7.png", png_image()}, {"7.json", json}}), HasSubstr("bad.tar/7"))
        << json;
  EXPECT_THAT(refused({{"notes.txt", "none"}}), HasSubstr("expected samples"));
  EXPECT_THROW(open_shards({folder / "missing.tar"}, 3), IoError);
}

TEST(Shards, NameAnImageThatIsNoLongerThere) {
  const vit::testing::TemporaryFolder folder;
  write_tar(folder / "a.tar", {{"1.cls", "0"}, {"1.png", png_image()}});
  const auto data = open_shards({folder / "a.tar"}, 3);
  std::filesystem::resize_file(folder / "a.tar", 1536);
  EXPECT_THROW(data->load(0), IoError);
}

TEST(Shards, NameABadImageWhenItIsLoaded) {
  const vit::testing::TemporaryFolder folder;
  write_tar(folder / "a.tar", {{"1.png", "no image"}, {"1.cls", "0"}});
  const auto data = open_shards({folder / "a.tar"}, 3);
  try {
    data->load(0);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a.tar/1"));
  }
}

TEST(Braces, ExpandAsWebdataset) {
  const auto golden = expected();
  for (const auto& [pattern, names] : golden["patterns"].items())
    EXPECT_EQ(expand_braces(pattern), names.get<std::vector<std::string>>()) << pattern;
  for (const auto& pattern : golden["unbalanced"])
    EXPECT_THROW(expand_braces(pattern.get<std::string>()), UsageError) << pattern;
}

TEST(Braces, AreBounded) {
  EXPECT_THROW(expand_braces("{0..99999999}"), UsageError);
  EXPECT_THROW(expand_braces("{0..9999}{0..9999}"), UsageError);
  EXPECT_THROW(expand_braces(std::string(100, '{') + std::string(100, '}')), UsageError);
  EXPECT_EQ(expand_braces("{0..999999}").size(), 1'000'000U);
  EXPECT_TRUE(names_shards("a-{0..9}.tar"));
  EXPECT_TRUE(names_shards("a.tar"));
  EXPECT_FALSE(names_shards("folder"));
}

TEST(ShuffledInBuffer, ShowsEveryImageOnceInAnOrderOfItsKeyAlone) {
  const std::vector<std::int64_t> sizes{5, 0, 11, 3, 40};
  const auto order = shuffled_in_buffer(sizes, 7, 1, 2);
  EXPECT_EQ(order, shuffled_in_buffer(sizes, 7, 1, 2));
  EXPECT_NE(order, shuffled_in_buffer(sizes, 7, 1, 3));
  EXPECT_NE(order, shuffled_in_buffer(sizes, 7, 2, 2));
  EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(), 59U);
  EXPECT_EQ(order.size(), 59U);
}

// With one place nothing is shuffled but the shards; an image comes at most the buffer early.
TEST(ShuffledInBuffer, StaysWithinItsBuffer) {
  const std::vector<std::int64_t> one{100};
  std::vector<std::int64_t> plain(100);
  std::iota(plain.begin(), plain.end(), 0);
  EXPECT_EQ(shuffled_in_buffer(one, 1, 0, 0), plain);
  const auto order = shuffled_in_buffer(one, 10, 0, 0);
  for (std::int64_t i = 0; i < 100; ++i) EXPECT_LT(order[static_cast<std::size_t>(i)], i + 10);
  EXPECT_NE(order, plain);
  EXPECT_THROW(shuffled_in_buffer(one, 0, 0, 0), UsageError);
}

std::vector<std::pair<std::string, std::string>> one_sample(const std::string& label) {
  return {{"1.png", png_image()}, {"1.cls", label}};
}

TEST(OpenData, ReadsTheShardsThatAPatternNames) {
  const vit::testing::TemporaryFolder folder;
  write_tar(folder / "t-0.tar", one_sample("0"));
  write_tar(folder / "t-1.tar", one_sample("4"));
  const auto pattern = folder / "t-{0..1}.tar";
  const auto data = open_data(pattern, Split::kTrain, 3);
  EXPECT_EQ(data->size(), 2);
  EXPECT_EQ(data->classes().size(), 5U);
  EXPECT_EQ(data->shard_sizes(), (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(subset(data, {1})->shard_sizes(), (std::vector<std::int64_t>{0, 1}));
  EXPECT_TRUE(subset(data, {1, 0})->shard_sizes().empty()) << "in no shard's order";
  EXPECT_THROW(open_data(pattern, Split::kValidation, 3), UsageError);
  EXPECT_THROW(open_data(folder / "t-{0..2}.tar", Split::kTrain, 3), IoError);
}

TEST(OpenData, TakesNoArchiveBesideClassFoldersForAShard) {
  const vit::testing::TemporaryFolder folder;
  for (const auto* half : {"train", "val"}) {
    std::filesystem::create_directories(folder / half / "cat");
    write_file(folder / half / "cat/1.png", png_image());
  }
  write_tar(folder / "val/cat.tar", {{"1.png", png_image()}});
  EXPECT_EQ(open_data(folder.path(), Split::kValidation, 3)->classes(),
            (std::vector<std::string>{"cat"}));
}

TEST(OpenData, RefusesHalvesOfDifferentKinds) {
  const vit::testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "train/cat");
  std::filesystem::create_directory(folder / "val");
  write_file(folder / "train/cat/1.png", png_image());
  write_tar(folder / "val/a.tar", one_sample("0"));
  try {
    open_data(folder.path(), Split::kValidation, 3);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("val: expected class folders"));
  }
}

TEST(OpenData, TakesAFolderWithBracesInItsNameForAFolder) {
  const vit::testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "a{1}/train/cat");
  write_file(folder / "a{1}/train/cat/1.png", png_image());
  EXPECT_EQ(open_data(folder / "a{1}", Split::kTrain, 3)->size(), 1);
}

TEST(OpenData, ReadsTheShardsOfEachHalf) {
  const vit::testing::TemporaryFolder folder;
  for (const auto* half : {"train", "val"}) std::filesystem::create_directory(folder / half);
  write_tar(folder / "train/a10.tar", one_sample("1"));
  write_tar(folder / "train/a9.tar", one_sample("2"));
  write_tar(folder / "val/a.tar", one_sample("0"));
  const auto train = open_data(folder.path(), Split::kTrain, 3);
  EXPECT_EQ(train->label(0), 2);  // a9 comes before a10
  EXPECT_EQ(train->label(1), 1);
  EXPECT_EQ(open_data(folder.path(), Split::kValidation, 3)->size(), 1);
  EXPECT_EQ(open_validation(folder / "val", 3)->size(), 1);
  EXPECT_EQ(open_validation(folder / "train/a{9,10}.tar", 3)->size(), 2);
  EXPECT_EQ(open_data(folder / "train", Split::kTrain, 3)->size(), 2);
  EXPECT_EQ(train->files().size(), 2U);
}

}  // namespace
}  // namespace vit::data
