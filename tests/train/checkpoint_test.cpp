#include "vit/train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckpointTest : public ::testing::Test {
 protected:
  fs::path write(std::int64_t step, std::int64_t keep = 3) {
    return write_checkpoint(folder(), step, keep,
                            [&](const fs::path& unfinished) {
                              write_file(unfinished / "weights",
                                         "weights of step " + std::to_string(step));
                              write_file(unfinished / "state", "{}");
                            })
        .path;
  }

  std::int64_t found() {
    const auto checkpoint = find_checkpoint(folder(), log_);
    return checkpoint ? checkpoint->step : -1;
  }

  fs::path folder() const { return temporary_ / "checkpoints"; }

  vit::testing::TemporaryFolder temporary_;
  Log log_{LogOptions{"test", LogLevel::kInfo, LogFormat::kText, nullptr}};
};

TEST_F(CheckpointTest, VerifiesWhatWasWritten) {
  const auto path = write(7);
  EXPECT_THAT(verify_checkpoint(path), IsEmpty());
  EXPECT_EQ(path.filename(), "step-7");
  EXPECT_EQ(found(), 7);
}

TEST_F(CheckpointTest, TakesTheNewestByNumberNotByName) {
  write(9);
  write(10);
  EXPECT_EQ(found(), 10);
}

TEST_F(CheckpointTest, TakesTheOneBeforeWhenAByteOfTheNewestChanged) {
  write(1);
  std::ofstream(write(2) / "weights") << "Weights of step 2";
  EXPECT_THAT(verify_checkpoint(folder() / "step-2"), HasSubstr("SHA-256"));
  EXPECT_EQ(found(), 1);
}

TEST_F(CheckpointTest, TakesTheOneBeforeWhenTheNewestIsCutShort) {
  write(1);
  fs::resize_file(write(2) / "weights", 3);
  EXPECT_THAT(verify_checkpoint(folder() / "step-2"), HasSubstr("expected 17 bytes, found 3"));
  EXPECT_EQ(found(), 1);
}

TEST_F(CheckpointTest, TakesTheOneBeforeWhenAFileOfTheNewestIsGone) {
  write(1);
  fs::remove(write(2) / "state");
  EXPECT_EQ(found(), 1);
}

TEST_F(CheckpointTest, TakesTheOneBeforeWhenTheManifestIsGoneOrNoManifest) {
  write(1);
  fs::remove(write(2) / "manifest.json");
  std::ofstream(write(3) / "manifest.json") << "[1, 2]";
  std::ofstream(write(4, 9) / "manifest.json") << R"({"files": {"../weights": {"size": 1}}})";
  std::ofstream(write(5, 9) / "manifest.json") << R"({"files": {"state": {"size": "two"}}})";
  EXPECT_EQ(found(), 1);
}

TEST_F(CheckpointTest, NeverTakesAnUnfinishedOne) {
  write(1);
  fs::copy(folder() / "step-1", folder() / "step-2.tmp");
  EXPECT_EQ(found(), 1);
  write(3);
  EXPECT_FALSE(fs::exists(folder() / "step-2.tmp"));
}

TEST_F(CheckpointTest, KeepsTheNewestAndNeverFewerThanTwo) {
  for (const std::int64_t step : {1, 2, 3, 4}) write(step, /*keep=*/1);
  EXPECT_EQ(list_checkpoints(folder()).size(), 2U);
  EXPECT_EQ(list_checkpoints(folder()).back().step, 3);
}

TEST_F(CheckpointTest, LeavesTheEarlierOnesWhenWritingFails) {
  write(1);
  EXPECT_THROW(write_checkpoint(folder(), 2, 2,
                                [](const fs::path& unfinished) {
                                  write_file(unfinished / "weights", "half");
                                  throw IoError("disk full");
                                }),
               IoError);
  EXPECT_EQ(found(), 1);
  EXPECT_FALSE(fs::exists(folder() / "step-2.tmp"));
}

TEST_F(CheckpointTest, ReplacesOneOfTheSameStep) {
  write(1);
  std::ofstream(folder() / "step-1" / "weights") << "damaged";
  write(1);
  EXPECT_EQ(found(), 1);
}

TEST_F(CheckpointTest, LeavesForeignFilesAlone) {
  fs::create_directory(folder());
  std::ofstream(folder() / "notes.tmp") << "mine";
  fs::create_directory(folder() / "step-of-mine.tmp");
  write(1);
  EXPECT_TRUE(fs::exists(folder() / "notes.tmp"));
  EXPECT_TRUE(fs::exists(folder() / "step-of-mine.tmp"));
}

TEST_F(CheckpointTest, SaysInItsOwnWordsThatAManifestHasOtherTypes) {
  std::ofstream(write(1) / "manifest.json") << R"({"files": {"state": {"size": "2"}}})";
  EXPECT_THAT(verify_checkpoint(folder() / "step-1"), HasSubstr("expected file names"));
  std::ofstream(write(2) / "manifest.json") << R"({"files": {"state": {"size": 2, "sha256": 1}}})";
  EXPECT_THAT(verify_checkpoint(folder() / "step-2"), HasSubstr("SHA-256"));
}

TEST_F(CheckpointTest, FindsNothingWhereThereIsNoFolder) { EXPECT_EQ(found(), -1); }

}  // namespace
}  // namespace vit::train
