#include "vit/train/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tiny_run.h"
#include "vit/core/file.h"

namespace vit::train {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vit::testing::tiny_options;

class RunFolderTest : public ::testing::Test {
 protected:
  /// A run of two steps.
  fs::path run() {
    auto options = tiny_options(folder_, "run");
    options.run().max_steps(2);
    vit::testing::make_trainer(options, log_)->fit();
    return options.run().output();
  }

  vit::testing::TemporaryFolder folder_;
  Log log_{LogOptions{"test", LogLevel::kInfo, LogFormat::kText, nullptr}};
};

TEST_F(RunFolderTest, KnowsAllThatARunWroteAndRemovesIt) {
  const auto path = run();
  std::ofstream(path / "notes.txt") << "mine";
  const auto found = inspect_run_folder(path);
  EXPECT_TRUE(found.has_run);
  EXPECT_TRUE(found.has_checkpoints);
  EXPECT_THAT(found.foreign, IsEmpty());
  EXPECT_EQ(found.own.back().filename(), "args.json");
  remove_run(found);
  EXPECT_EQ(std::distance(fs::directory_iterator(path), {}), 1);
  EXPECT_EQ(read_file(path / "notes.txt"), "mine");
}

TEST_F(RunFolderTest, TakesNothingForItsOwnWithoutAnArgsFileOfARun) {
  const auto path = run();
  write_file(path / "args.json", R"({"lr": 1})");
  const auto found = inspect_run_folder(path);
  EXPECT_FALSE(found.has_run);
  EXPECT_THAT(found.own, IsEmpty());
  EXPECT_EQ(found.foreign.size(), 7U);
  EXPECT_THROW(check_nothing_foreign(found), IoError);
}

TEST_F(RunFolderTest, TakesForeignFilesUnderItsNamesForForeign) {
  const auto path = run();
  write_file(path / "best.safetensors", "a model of somebody else's");
  write_file(path / "summary.csv", "epoch,train_loss\n");
  write_file(path / "log.jsonl", "{\"a\": 1}\n");
  EXPECT_THAT(inspect_run_folder(path).foreign,
              ElementsAre("best.safetensors", "log.jsonl", "summary.csv"));
}

TEST_F(RunFolderTest, TakesForeignFilesAmongCheckpointsForForeign) {
  const auto path = run();
  fs::create_directory(path / "checkpoints" / "step-7");
  fs::create_directory(path / "checkpoints" / "step-8.tmp");
  std::ofstream(path / "checkpoints" / "step-8.tmp" / "thesis.pdf") << "mine";
  std::ofstream(path / "checkpoints" / "notes.txt") << "mine";
  auto found = inspect_run_folder(path);
  std::sort(found.foreign.begin(), found.foreign.end());
  EXPECT_THAT(found.foreign,
              ElementsAre("checkpoints/notes.txt", "checkpoints/step-7", "checkpoints/step-8.tmp"));
}

TEST_F(RunFolderTest, TakesWhatAKilledRunLeftOfACheckpointForItsOwn) {
  const auto path = run();
  const auto killed = path / "checkpoints" / "step-9.tmp";
  fs::create_directory(killed);
  std::ofstream(killed / "model.safetensors") << "half";
  std::ofstream(killed / "state.json.a1b2c3") << "half";
  EXPECT_THAT(inspect_run_folder(path).foreign, IsEmpty());
}

TEST_F(RunFolderTest, TakesALinkForForeign) {
  const auto path = run();
  fs::rename(path / "last.safetensors", folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere", path / "last.safetensors");
  EXPECT_THAT(inspect_run_folder(path).foreign, ElementsAre("last.safetensors"));
}

TEST_F(RunFolderTest, FindsNothingWhereThereIsNothing) {
  const auto found = inspect_run_folder(folder_ / "none");
  EXPECT_TRUE(found.is_empty);
  EXPECT_NO_THROW(check_nothing_foreign(found));
}

TEST_F(RunFolderTest, RefusesAFile) {
  std::ofstream(folder_ / "file") << "text";
  EXPECT_THROW(inspect_run_folder(folder_ / "file"), IoError);
}

TEST_F(RunFolderTest, LetsOneRunInAtATime) {
  const auto refused = [&] {
    try {
      const RunLock second(folder_.path());
    } catch (const IoError& error) {
      EXPECT_THAT(error.what(), HasSubstr("another run"));
      return true;
    }
    return false;
  };
  {
    const RunLock first(folder_.path());
    EXPECT_TRUE(refused());
  }
  EXPECT_FALSE(refused());
}

}  // namespace
}  // namespace vit::train
