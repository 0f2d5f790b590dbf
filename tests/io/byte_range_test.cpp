#include "vit/io/byte_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "builders.h"

namespace vit::io {
namespace {

using ::testing::HasSubstr;

std::string io_error(const std::function<void()>& run) {
  try {
    run();
  } catch (const IoError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no IoError";
  return {};
}

std::string as_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(ByteRange, GivesTheBytesOfTheFile) {
  const testing::Files files;
  const auto file = open_bytes(files.write("a", "hello"));
  EXPECT_EQ(file.size(), 5U);
  EXPECT_EQ(as_text(file.read_all()), "hello");
  EXPECT_EQ(as_text(file.part(1, 3).part(1).read_all()), "ll");
  EXPECT_EQ(as_text(file.read_start(2)), "he");
}

TEST(ByteRange, OfAnEmptyFileIsEmpty) {
  const testing::Files files;
  EXPECT_TRUE(open_bytes(files.write("a", "")).empty());
}

TEST(ByteRange, RefusesWhatLiesOutside) {
  const auto range = memory_bytes(std::vector<std::byte>(5));
  EXPECT_THROW((void)range.part(6), std::out_of_range);
  EXPECT_THROW((void)range.part(2, 4), std::out_of_range);
  EXPECT_THROW((void)range.part(2, UINT64_MAX), std::out_of_range);
  std::byte one{};
  EXPECT_THROW(range.read(5, {&one, 1}), std::out_of_range);
}

TEST(ByteRange, OfAFileThatIsCutShortMeanwhileIsAnError) {
  const testing::Files files;
  const auto path = files.write("a", std::string(10000, 'x'));
  const auto file = open_bytes(path);
  std::filesystem::resize_file(path, 4097);
  EXPECT_EQ(file.part(0, 4097).read_all().size(), 4097U);
  EXPECT_THAT(io_error([&] { file.read_all(); }), HasSubstr("cut short"));
  std::filesystem::resize_file(path, 0);
  EXPECT_THAT(io_error([&] { file.read_start(1); }), HasSubstr("expected 10000 bytes"));
}

TEST(ByteRange, OutlivesItsFilesName) {
  const testing::Files files;
  const auto path = files.write("a", "hello");
  const auto part = open_bytes(path).part(1);
  std::filesystem::remove(path);
  EXPECT_EQ(as_text(part.read_all()), "ello");
}

TEST(ByteRange, OfATerabyteCostsNothing) {
  const testing::Files files;
  const auto path = files.write("a", "");
  std::error_code failed;
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40, failed);
  if (failed) GTEST_SKIP() << "the file system has no such files: " << failed.message();
  EXPECT_EQ(open_bytes(path).size(), std::uint64_t{1} << 40);
}

TEST(ByteRange, RefusesWhatIsNoRegularFile) {
  const testing::Files files;
  EXPECT_THAT(io_error([&] { open_bytes(files / "missing"); }), HasSubstr("No such file"));
  std::filesystem::create_directory(files / "folder.png");
  EXPECT_THAT(io_error([&] { open_bytes(files / "folder.png"); }),
              HasSubstr("a regular file, found a folder"));
  ASSERT_EQ(::mkfifo((files / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(io_error([&] { open_bytes(files / "fifo"); }),
              HasSubstr("a regular file, found a device, pipe"));
  std::filesystem::create_symlink(files / "loop", files / "loop");
  EXPECT_THAT(io_error([&] { open_bytes(files / "loop"); }), HasSubstr("symbolic links"));
}

/// Root may read every file: for as long as it lives, the test is nobody.
class Unprivileged {
 public:
  Unprivileged() : user_(::geteuid()) { EXPECT_EQ(::seteuid(user_ == 0 ? 65534 : user_), 0); }
  ~Unprivileged() { EXPECT_EQ(::seteuid(user_), 0); }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  uid_t user_;
};

TEST(ByteRange, RefusesAFileThatCannotBeRead) {
  const testing::Files files;
  const auto path = files.write("a", "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const Unprivileged user;
  EXPECT_THAT(io_error([&] { open_bytes(path); }), HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace vit::io
