#include "vit/io/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builders.h"

namespace vit::io {
namespace {

using ::testing::HasSubstr;

std::string mapping_error(const std::filesystem::path& path) {
  try {
    MappedFile::open(path);
  } catch (const IoError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no IoError for " << path;
  return {};
}

TEST(MappedFile, GivesTheBytesOfTheFile) {
  const testing::Files files;
  const auto file = MappedFile::open(files.write("a", "hello"));
  EXPECT_EQ(file->bytes().size(), 5U);
  EXPECT_EQ(file->bytes()[4], std::byte{'o'});
}

TEST(MappedFile, OfAnEmptyFileIsEmpty) {
  const testing::Files files;
  EXPECT_TRUE(MappedFile::open(files.write("a", ""))->bytes().empty());
}

TEST(MappedFile, MayBeWrittenWithoutChangingTheFile) {
  const testing::Files files;
  const auto path = files.write("a", "hello");
  const auto file = MappedFile::open(path);
  const_cast<std::byte&>(file->bytes()[0]) = std::byte{'J'};
  EXPECT_EQ(file->bytes()[0], std::byte{'J'});
  EXPECT_EQ(MappedFile::open(path)->bytes()[0], std::byte{'h'});
}

TEST(MappedFile, OfATerabyteCostsNothing) {
  const testing::Files files;
  const auto path = files.write("a", "");
  std::error_code failed;
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40, failed);
  if (failed) GTEST_SKIP() << "the file system has no such files: " << failed.message();
  EXPECT_EQ(MappedFile::open(path)->bytes().size(), std::size_t{1} << 40);
}

TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  const testing::Files files;
  EXPECT_THAT(mapping_error(files / "missing"), HasSubstr("No such file"));
  std::filesystem::create_directory(files / "folder.png");
  EXPECT_THAT(mapping_error(files / "folder.png"), HasSubstr("a regular file, found a folder"));
  ASSERT_EQ(::mkfifo((files / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(mapping_error(files / "fifo"), HasSubstr("a regular file, found a device, pipe"));
  std::filesystem::create_symlink(files / "loop", files / "loop");
  EXPECT_THAT(mapping_error(files / "loop"), HasSubstr("symbolic links"));
}

TEST(MappedFile, RefusesAFileThatCannotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every file";
  const testing::Files files;
  const auto path = files.write("a", "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  EXPECT_THAT(mapping_error(path), HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace vit::io
