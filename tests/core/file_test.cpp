#include "vit/core/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <future>

#include "support/support.h"
#include "vit/core/error.h"

namespace vit {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using vit::testing::TemporaryFolder;

std::string io_error(const std::function<void()>& run) {
  try {
    run();
  } catch (const IoError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no IoError";
  return {};
}

TEST(AtomicFile, AppearsWholeWhenItIsCommitted) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "a");
  file.write("one ");
  file.write("two");
  EXPECT_FALSE(fs::exists(folder / "a"));
  file.commit();
  EXPECT_EQ(read_file(folder / "a"), "one two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(AtomicFile, LeavesNothingBehindWithoutACommit) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "a");
    file.write("lost");
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(AtomicFile, LeavesNothingBehindWhenTheProgramIsKilled) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    AtomicFile file(folder / "a");
    file.write("half of it");
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(AtomicFile, KeepsTheOldContentsUntilItIsCommitted) {
  const TemporaryFolder folder;
  write_file(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write("new");
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  write_file(folder / "a", "new");
  EXPECT_EQ(read_file(folder / "a"), "new");
}

TEST(AtomicFile, HasThePermissionsOfAnyNewFile) {
  const TemporaryFolder folder;
  const auto mask = ::umask(022);
  write_file(folder / "a", "x");
  ::umask(mask);
  EXPECT_EQ(fs::status(folder / "a").permissions(), fs::perms::owner_read | fs::perms::owner_write |
                                                        fs::perms::group_read |
                                                        fs::perms::others_read);
}

TEST(AtomicFile, NamesTheFileThatCannotBeWritten) {
  const TemporaryFolder folder;
  const auto path = folder / "missing/a";
  EXPECT_THAT(io_error([&] { AtomicFile file(path); }), HasSubstr(path.string() + ": cannot be"));
}

TEST(AtomicFile, ReplacesWhatALinkPointsTo) {
  const TemporaryFolder folder;
  write_file(folder / "target", "old");
  fs::create_symlink("target", folder / "link");
  fs::create_symlink("link", folder / "link_to_the_link");
  write_file(folder / "link_to_the_link", "new");
  EXPECT_EQ(read_file(folder / "target"), "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  fs::create_symlink("not_there_yet", folder / "dangling");
  write_file(folder / "dangling", "made");
  EXPECT_EQ(read_file(folder / "not_there_yet"), "made");
}

TEST(AtomicFile, SaysThatLinksFormACircle) {
  const TemporaryFolder folder;
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  EXPECT_THAT(io_error([&] { write_file(folder / "a", "x"); }), HasSubstr("a circle of links"));
}

TEST(AtomicFile, WritesToAPipeAndLeavesItInPlace) {
  const TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  auto read = std::async(std::launch::async, [&] {
    std::ifstream in(pipe);
    return std::string(std::istreambuf_iterator<char>(in), {});
  });
  write_file(pipe, "everything");
  EXPECT_EQ(read.get(), "everything");
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST(AtomicFile, WritesToANamedDescriptorWhereItStands) {
  const TemporaryFolder folder;
  write_file(folder / "a", "head ");
  const int descriptor = ::open((folder / "a").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  write_file("/dev/fd/" + std::to_string(descriptor), "tail");
  ::close(descriptor);
  EXPECT_EQ(read_file(folder / "a"), "head tail");
  EXPECT_THAT(io_error([&] { write_file("/dev/fd/999", "x"); }), HasSubstr("cannot be written"));
}

TEST(AtomicFile, SaysThatADeviceIsFull) {
  EXPECT_THAT(io_error([&] { write_file("/dev/full", "x"); }), HasSubstr("No space left"));
}

TEST(AtomicFile, SaysThatTheDiskIsFullAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  // A limit on file sizes fails as a full disk does: in write().
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 1000, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto message = io_error([&] { write_file(folder / "a", std::string(2000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("cannot be written"));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(AtomicFile, CannotReplaceAFolderAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "a");
  EXPECT_THAT(io_error([&] { write_file(folder / "a", "x"); }), HasSubstr("cannot be written"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(ReadFile, RefusesWhatIsMissingNoFileOrTooLarge) {
  const TemporaryFolder folder;
  EXPECT_THAT(io_error([&] { read_file(folder / "missing"); }), HasSubstr("No such file"));
  EXPECT_THAT(io_error([&] { read_file(folder.path()); }), HasSubstr("a regular file"));
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(io_error([&] { read_file(folder / "fifo"); }), HasSubstr("a regular file"));
  write_file(folder / "a", "12345");
  EXPECT_EQ(read_file(folder / "a", 5), "12345");
  EXPECT_THROW(read_file(folder / "a", 4), DataError);
}

}  // namespace
}  // namespace vit
