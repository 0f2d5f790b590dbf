#include "../../src/pipeline/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::pipeline {
namespace {

TEST(Descriptors, CopyAWholeFileFromItsBeginning) {
  const testing::TemporaryFolder folder;
  const std::string text(200'000, 'x');
  write_file(folder / "from", text);
  const int from = ::open((folder / "from").c_str(), O_RDONLY);
  const int to = ::open((folder / "to").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(::lseek(from, 0, SEEK_END), 200'000);
  EXPECT_TRUE(copy_all(from, to, "to"));
  EXPECT_EQ(read_file(folder / "to"), text);
  ::close(from);
  ::close(to);
}

TEST(Descriptors, SayWhatCannotBeReadOrWritten) {
  const testing::TemporaryFolder folder;
  write_file(folder / "from", "text");
  const int from = ::open((folder / "from").c_str(), O_RDONLY);
  const int unreadable = ::open(folder.path().c_str(), O_RDONLY);
  const int full = ::open("/dev/full", O_WRONLY);
  EXPECT_THROW(copy_all(unreadable, full, "to"), IoError);
  EXPECT_THROW(copy_all(from, full, "to"), IoError);
  EXPECT_THROW(write_all(full, "text", "to"), IoError);
  for (const int descriptor : {from, unreadable, full}) ::close(descriptor);
}

}  // namespace
}  // namespace vit::pipeline
