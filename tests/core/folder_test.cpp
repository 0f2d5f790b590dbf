#include "vit/core/folder.h"

#include <gtest/gtest.h>

#include <map>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit {
namespace {

namespace fs = std::filesystem;
using vit::testing::TemporaryFolder;

/// Every file below `folder`, and what it holds.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(folder).string()] = read_file(entry.path());
  return files;
}

void replace(const fs::path& folder, bool beside = true) {
  AtomicFolder files(folder, beside);
  write_file(files.path() / "a", "new a");
  write_file(files.path() / "b", "new b");
  files.commit();
}

class AtomicFolderTest : public ::testing::Test {
 protected:
  AtomicFolderTest() {
    fs::create_directories(target / "deep" / "er");
    write_file(target / "a", "old a");
    write_file(target / "other", "kept");
    write_file(target / "deep" / "er" / "x", "kept too");
    fs::create_symlink("nowhere", target / "link");
  }

  TemporaryFolder folder;
  fs::path target = folder / "out";
  const std::map<std::string, std::string> replaced{
      {"a", "new a"}, {"b", "new b"}, {"other", "kept"}, {"deep/er/x", "kept too"}};
};

TEST_F(AtomicFolderTest, ANewOneAppearsWhole) {
  replace(folder / "new");
  EXPECT_EQ(contents(folder / "new"),
            (std::map<std::string, std::string>{{"a", "new a"}, {"b", "new b"}}));
}

TEST_F(AtomicFolderTest, TakesThePlaceOfAnOldOneAndKeepsItsOtherFiles) {
  fs::permissions(target, fs::perms::owner_all);
  replace(target);
  EXPECT_EQ(contents(target), replaced);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);  // nothing beside it
  EXPECT_TRUE(fs::is_symlink(target / "link"));
  EXPECT_EQ(fs::status(target).permissions(), fs::perms::owner_all);
}

TEST_F(AtomicFolderTest, WithoutCommitEverythingIsAsItWas) {
  const auto before = contents(folder.path());
  {
    AtomicFolder files(target);
    write_file(files.path() / "a", "new a");
  }
  EXPECT_EQ(contents(folder.path()), before);
}

TEST_F(AtomicFolderTest, FollowsALinkToTheFolder) {
  fs::create_directory_symlink("out", folder / "name");
  replace(folder / "name/");
  EXPECT_TRUE(fs::is_symlink(folder / "name"));
  EXPECT_EQ(contents(target), replaced);
}

TEST_F(AtomicFolderTest, IsWrittenWithinWhereNothingCanStandBesideIt) {
  replace(target, /*beside=*/false);
  EXPECT_EQ(contents(target), replaced);
}

TEST_F(AtomicFolderTest, WhereOneFileCannotBeReplacedAllStayAsTheyWere) {
  fs::create_directory(target / "b");
  write_file(target / "b" / "c", "in the way");
  const auto before = contents(folder.path());
  for (const bool beside : {true, false}) {
    EXPECT_THROW(replace(target, beside), IoError);
    EXPECT_EQ(contents(folder.path()), before);
  }
}

TEST_F(AtomicFolderTest, IsAnErrorWhereNothingCanBeWritten) {
  EXPECT_THROW(AtomicFolder(folder / "missing" / "out"), IoError);
  EXPECT_THROW(AtomicFolder("/proc/out"), IoError);
}

}  // namespace
}  // namespace vit
