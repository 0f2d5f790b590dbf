#include "vit/data/folder_walk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::data {
namespace {

namespace fs = std::filesystem;

/// `b.png`, `a/2.jpg`, `a/10.jpg`, `a/notes.txt`, `.hidden/x.png`, and in `a` a link back to all of
/// it.
void make_tree(const fs::path& root) {
  fs::create_directories(root / "a");
  fs::create_directories(root / ".hidden");
  for (const auto* name : {"b.png", "a/2.jpg", "a/10.jpg", "a/notes.txt", ".hidden/x.png"})
    write_file(root / name, "");
  fs::create_directory_symlink(root, root / "a" / "round");
}

std::vector<std::string> walked(const fs::path& root, FolderWalkOptions options) {
  std::vector<std::string> names;
  FolderWalk walk(root, std::move(options));
  while (const auto image = walk.next()) names.push_back(image->lexically_relative(root).string());
  return names;
}

TEST(FolderWalk, GivesImagesByNameAndEndsWhereALinkReturns) {
  const testing::TemporaryFolder folder;
  make_tree(folder.path());
  const std::vector<std::string> all{".hidden/x.png", "a/10.jpg", "a/2.jpg", "b.png"};
  EXPECT_EQ(walked(folder.path(), {}), all);
}

TEST(FolderWalk, LeavesOutHiddenNamesAndTellsOfEachFolder) {
  const testing::TemporaryFolder folder;
  make_tree(folder.path());
  std::vector<fs::path> folders;
  const std::vector<std::string> shown{"a/10.jpg", "a/2.jpg", "b.png"};
  EXPECT_EQ(walked(folder.path(),
                   {.entering = [&](const auto& one) { folders.push_back(one); }, .hidden = false}),
            shown);
  EXPECT_EQ(folders, (std::vector<fs::path>{folder.path(), folder / "a"}));
}

TEST(FolderWalk, GoesOnBehindAFolderThatIsGone) {
  const testing::TemporaryFolder folder;
  make_tree(folder.path());
  FolderWalk walk(folder.path(), {.hidden = false});
  fs::create_directories(folder / "aa");
  EXPECT_EQ(walk.next(), folder / "a" / "10.jpg");
  EXPECT_EQ(walk.next(), folder / "a" / "2.jpg");
  fs::remove(folder / "aa");
  EXPECT_THROW(walk.next(), IoError);
  EXPECT_EQ(walk.next(), folder / "b.png");
  EXPECT_EQ(walk.next(), std::nullopt);
}

}  // namespace
}  // namespace vit::data
