#include "vit/core/file_roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using vit::testing::TemporaryFolder;

void expect_error(ErrorKind kind, const std::string& text, const std::function<void()>& run) {
  try {
    run();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

/// A folder with the file `model`, two other names of it, and a folder `data` with `data/a`.
class FileRolesTest : public ::testing::Test {
 protected:
  FileRolesTest() {
    write_file(folder / "model", "weights");
    fs::create_symlink("model", folder / "link");
    fs::create_hard_link(folder / "model", folder / "hard");
    fs::create_directory(folder / "data");
    write_file(folder / "data" / "a", "pixels");
    fs::create_directory_symlink("data", folder / "other_data");
  }

  TemporaryFolder folder;
  FileRoles roles;
};

TEST_F(FileRolesTest, RefusesAnOutputThatIsAnInputByAnyName) {
  roles.reads(folder / "model");
  for (const std::string name : {"model", "link", "hard", "./data/../model", "other_data/../model"})
    for (const bool force : {false, true})
      expect_error(ErrorKind::kUsage, "the output is also an input",
                   [&] { roles.writes(folder / name, force); });
}

TEST_F(FileRolesTest, RefusesAnInputThatIsAnOutputAlready) {
  roles.writes(folder / "hard", /*force=*/true);
  expect_error(ErrorKind::kUsage, "hard: the output is also an input",
               [&] { roles.reads(folder / "link"); });
}

TEST_F(FileRolesTest, RefusesAnOutputInATreeThatIsRead) {
  roles.reads_tree(folder / "other_data");
  expect_error(ErrorKind::kUsage, "other_data, which is an input",
               [&] { roles.writes(folder / "data" / "new", false); });
  expect_error(ErrorKind::kUsage, "other_data, which is an input",
               [&] { roles.writes(folder / "data" / "folders" / "to" / "make", false); });
  expect_error(ErrorKind::kUsage, "the output is also an input",
               [&] { roles.writes_folder(folder / "data"); });
  EXPECT_NO_THROW(roles.writes(folder / "beside", false));
}

TEST_F(FileRolesTest, RefusesAFolderToWriteToThatHoldsAnInput) {
  roles.reads_member(folder / "other_data" / "a");
  expect_error(ErrorKind::kUsage, "data: the output folder holds an input,",
               [&] { roles.writes_folder(folder / "data"); });
  EXPECT_NO_THROW(roles.writes_folder(folder / "data" / "maps"));
  roles.writes_folder(folder / "new");
  fs::create_directory(folder / "new");
  write_file(folder / "new" / "b", "pixels");
  expect_error(ErrorKind::kUsage, "new: the output folder holds an input,",
               [&] { roles.reads_member(folder / "new" / "b"); });
}

TEST_F(FileRolesTest, RefusesATreeInWhichAnOutputLies) {
  roles.writes(folder / "data" / "new", false);
  expect_error(ErrorKind::kUsage, "new: the output lies in",
               [&] { roles.reads_tree(folder / "data"); });
}

TEST_F(FileRolesTest, RefusesATreeInWhichAnOutputFolderLies) {
  roles.writes_folder(folder / "data" / "maps");
  expect_error(ErrorKind::kUsage, "maps: the output lies in",
               [&] { roles.reads_tree(folder / "other_data"); });
}

TEST_F(FileRolesTest, RefusesAnInputOfManyThatIsAnOutput) {
  roles.writes(folder / "hard", /*force=*/true);
  expect_error(ErrorKind::kUsage, "hard: the output is also an input",
               [&] { roles.reads_once(folder / "link"); });
}

TEST_F(FileRolesTest, RefusesToReplaceAnInputInAnOutputFolder) {
  roles.reads(folder / "model");
  fs::create_hard_link(folder / "model", folder / "data" / "overlay");
  roles.writes_folder(folder / "data");
  expect_error(ErrorKind::kUsage, "overlay: the output is also an input",
               [&] { roles.writes_into_folder(folder / "data" / "overlay"); });
  EXPECT_NO_THROW(roles.writes_into_folder(folder / "data" / "a"));
  EXPECT_NO_THROW(roles.writes_into_folder(folder / "data" / "new"));
}

TEST_F(FileRolesTest, RefusesTwoOutputsThatAreOneFile) {
  roles.writes(folder / "new", false);
  expect_error(ErrorKind::kUsage, "is also another output",
               [&] { roles.writes(folder / "data" / ".." / "new", false); });
  roles.writes(folder / "link", true);
  expect_error(ErrorKind::kUsage, "is also another output",
               [&] { roles.writes(folder / "hard", true); });
  roles.writes(folder / "later" / "a", false);
  expect_error(ErrorKind::kUsage, "is also another output",
               [&] { roles.writes(folder / "data" / ".." / "later" / "." / "a", false); });
}

TEST_F(FileRolesTest, RefusesToReplaceWithoutForce) {
  expect_error(ErrorKind::kIo, "exists already (`force` replaces it)",
               [&] { roles.writes(folder / "link", false); });
  expect_error(ErrorKind::kIo, "found a folder", [&] { roles.writes(folder / "data", true); });
}

TEST_F(FileRolesTest, LeavesDevicesPipesAndDescriptorsFree) {
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const auto& path : {fs::path("/dev/null"), fs::path("/dev/stdout"), folder / "pipe"})
    EXPECT_NO_THROW(roles.writes(path, false)) << path;
}

}  // namespace
}  // namespace vit
