#include "vit/pipeline/row_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "support/error_of.h"
#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/json.h"
#include "vit/core/text.h"

namespace vit::pipeline {
namespace {

const std::vector<Prediction> kTopTwo{{1, 0.75F}, {0, 0.25F}};

RowEncoder encoder_of(RowFormat format) {
  RowOptions options;
  options.format = format;
  options.columns = 2;
  options.value_shape = {3};
  return RowEncoder(options);
}

/// The names in a folder, sorted.
std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// A run that ended after the row of input `a`, and had the time to know its model.
void leave_one_row(const std::filesystem::path& file, const RowEncoder& encoder,
                   RunRecord record = {}) {
  const auto sidecar = file.string() + ".part.json";
  const bool model = !record.model.empty();
  RowOutput output(encoder, {file, false, false, std::move(record)});
  output.predictions({"a", kTopTwo, ""});
  output.flush();
  // The digest is computed beside the rows, and written with the next ones.
  while (model && read_file(sidecar).find("digest") == std::string::npos) output.flush();
}

TEST(RowOutput, GetsItsNameOnlyAtTheEnd) {
  const testing::TemporaryFolder folder;
  const auto file = folder / "rows.jsonl";
  RowOutput output(encoder_of(RowFormat::kJsonl), {file, false, false, {}});
  output.predictions({"a", kTopTwo, ""});
  output.flush();
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_GT(std::filesystem::file_size(folder / "rows.jsonl.part"), 0U);
  output.finish();
  EXPECT_FALSE(std::filesystem::exists(folder / "rows.jsonl.part"));
  EXPECT_EQ(Json::parse(read_file(file))["file"], "a");
}

TEST(RowOutput, NeverReplacesUnasked) {
  const testing::TemporaryFolder folder;
  write_file(folder / "rows.csv", "mine");
  const auto encoder = encoder_of(RowFormat::kCsv);
  EXPECT_THROW(RowOutput(encoder, {folder / "rows.csv", false, false, {}}), IoError);
  EXPECT_EQ(read_file(folder / "rows.csv"), "mine");
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"rows.csv"}));
  write_file(folder / "new.csv.part", "mine");
  EXPECT_THAT(testing::error_of([&] {
                RowOutput(encoder, {folder / "new.csv", false, false, {}});
              }),
              ::testing::HasSubstr("new.csv.part: exists already, and no"));
  EXPECT_THROW(RowOutput(encoder, {folder.path(), true, false, {}}), IoError);
  EXPECT_THROW(RowOutput(encoder, {folder / "no/such/rows.csv", false, false, {}}), IoError);
}

TEST(RowOutput, ReplacesAPartOnlyWhereARunOfItsOwnWroteIt) {
  const testing::TemporaryFolder folder;
  const auto encoder = encoder_of(RowFormat::kCsv);
  const RowOutputOptions forced{folder / "rows.csv", true, false, {}};
  write_file(folder / "rows.csv.part", "mine");
  EXPECT_THROW(RowOutput(encoder, forced), IoError);
  EXPECT_EQ(read_file(folder / "rows.csv.part"), "mine");
  std::filesystem::remove(folder / "rows.csv.part");
  write_file(folder / "rows.csv.part.json", "mine");
  EXPECT_THROW(RowOutput(encoder, forced), IoError);
  EXPECT_EQ(read_file(folder / "rows.csv.part.json"), "mine");
  std::filesystem::remove(folder / "rows.csv.part.json");
  write_file(folder / "other", "mine");
  std::filesystem::create_symlink("other", folder / "rows.csv.part");
  EXPECT_THROW(RowOutput(encoder, forced), IoError);
  EXPECT_EQ(read_file(folder / "other"), "mine");
}

TEST(RowOutput, ChangesNothingBeforeItsFirstRow) {
  const testing::TemporaryFolder folder;
  const auto encoder = encoder_of(RowFormat::kCsv);
  { RowOutput output(encoder, {folder / "rows.csv", false, false, {}}); }
  EXPECT_TRUE(names_in(folder.path()).empty());
  leave_one_row(folder / "rows.csv", encoder);
  const auto left = read_file(folder / "rows.csv.part");
  {
    RowOutput output(encoder, {folder / "rows.csv", true, false, {}});
    output.flush();
  }
  EXPECT_EQ(read_file(folder / "rows.csv.part"), left);
}

TEST(RowOutput, LeavesAFileAloneThatCameToBeMeanwhile) {
  const testing::TemporaryFolder folder;
  const auto file = folder / "rows.csv";
  RowOutput output(encoder_of(RowFormat::kCsv), {file, false, false, {}});
  output.predictions({"a", kTopTwo, ""});
  write_file(file, "mine");
  EXPECT_THROW(output.finish(), IoError);
  EXPECT_EQ(read_file(file), "mine");
  EXPECT_GT(std::filesystem::file_size(folder / "rows.csv.part"), 0U);
}

TEST(RowOutput, IsWrittenByOneRunAtATime) {
  const testing::TemporaryFolder folder;
  const auto encoder = encoder_of(RowFormat::kCsv);
  RowOutput output(encoder, {folder / "rows.csv", false, false, {}});
  for (const bool force : {false, true}) {
    const RowOutputOptions again{folder / "rows.csv", force, !force, {}};
    EXPECT_THROW(RowOutput(encoder, again), IoError);
  }
  output.finish();
  EXPECT_EQ(read_file(folder / "rows.csv"), encoder.head());
}

TEST(RowOutput, ReplacesWhatALinkPointsTo) {
  const testing::TemporaryFolder folder;
  write_file(folder / "rows.csv", "old");
  std::filesystem::create_symlink("rows.csv", folder / "link");
  const auto encoder = encoder_of(RowFormat::kCsv);
  RowOutput output(encoder, {folder / "link", true, false, {}});
  output.finish();
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "rows.csv"), encoder.head());
}

TEST(RowOutput, WritesToAPipeWithoutReplacingIt) {
  const testing::TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const auto row_format : {RowFormat::kCsv, RowFormat::kNpy}) {
    const auto encoder = encoder_of(row_format);
    const std::vector<float> numbers{1, 2, 3};
    std::string read;
    std::thread reader([&] {
      std::ifstream stream(pipe, std::ios::binary);
      read.assign(std::istreambuf_iterator<char>(stream), {});
    });
    {
      RowOutput output(encoder, {pipe, false, false, {}});
      EXPECT_FALSE(output.resumable());
      if (row_format == RowFormat::kNpy)
        output.values("a", numbers);
      else
        output.predictions({"a", kTopTwo, ""});
      output.finish();
    }
    reader.join();
    EXPECT_EQ(read, row_format == RowFormat::kNpy
                        ? encoder.head(1) + encoder.values(numbers)
                        : encoder.head() + encoder.predictions({"a", kTopTwo, ""}, true));
  }
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"pipe"}));
}

TEST(RowOutput, GoesOnAfterTheLastWholeRow) {
  const testing::TemporaryFolder folder;
  const auto file = folder / "rows.csv";
  const auto encoder = encoder_of(RowFormat::kCsv);
  {
    RowOutput output(encoder, {file, false, false, {}});
    output.predictions({"a", kTopTwo, ""});
    output.predictions({"b", kTopTwo, ""});
    output.flush();
  }
  const auto part = folder / "rows.csv.part";
  std::filesystem::resize_file(part, std::filesystem::file_size(part) - 3);
  RowOutput output(encoder, {file, false, true, {}});
  EXPECT_EQ(output.rows_done(), 1);
  output.predictions({"b", kTopTwo, ""});
  output.finish();
  EXPECT_EQ(read_file(file), encoder.head() + encoder.predictions({"a", kTopTwo, ""}, true) +
                                 encoder.predictions({"b", kTopTwo, ""}, false));
}

TEST(RowOutput, HasNothingToResumeWhereTheFileIsWhole) {
  const testing::TemporaryFolder folder;
  write_file(folder / "rows.csv", "done");
  try {
    RowOutput output(encoder_of(RowFormat::kCsv), {folder / "rows.csv", false, true, {}});
    ADD_FAILURE() << "no error";
  } catch (const IoError& error) {
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("exists already, so there is nothing to resume"));
  }
  EXPECT_EQ(read_file(folder / "rows.csv"), "done");
}

TEST(RowOutput, WritesAnArraysLengthIntoItsHeadAtTheEnd) {
  const testing::TemporaryFolder folder;
  const auto encoder = encoder_of(RowFormat::kNpy);
  RowOutput output(encoder, {folder / "rows.npy", false, false, {}});
  const std::vector<float> numbers{1, 2, 3};
  for (int i = 0; i < 12; ++i) output.values("a", numbers);
  output.finish();
  EXPECT_EQ(read_file(folder / "rows.npy").substr(0, encoder.head().size()), encoder.head(12));
}

TEST(RowOutput, WritesTheNamesOfAnArraysRowsBesideIt) {
  const testing::TemporaryFolder folder;
  const auto file = folder / "rows.npy";
  const auto encoder = encoder_of(RowFormat::kNpy);
  const std::vector<std::string> names{"a.png", "b\xff\n.png", "c\\x41.png", "d \\ e\t.png"};
  const std::vector<float> numbers{1, 2, 3};
  RowOutput output(encoder, {file, false, false, {}});
  for (const auto& name : names)
    if (name == names[2])
      output.error(name, "bad");
    else
      output.values(name, numbers);
  output.finish();
  std::ifstream list(folder / "rows.npy.names.txt");
  std::vector<std::string> found;
  for (std::string line; std::getline(list, line);) found.push_back(from_printable(line));
  EXPECT_EQ(found, names);
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"rows.npy", "rows.npy.names.txt"}));
  std::filesystem::remove(file);
  EXPECT_THROW(RowOutput(encoder, {file, false, false, {}}), IoError);
}

/// What a run is remembered by.
class ResumedRun : public ::testing::Test {
 protected:
  ResumedRun() {
    write_file(folder / "model", "weights");
    stamp();
    options.record.facts = {{"topk", 2}, {"inputs", {"a", "b"}}};
  }

  void stamp() { options.record.model = {stamp_file(folder / "model")}; }

  /// Begins a run and leaves it after its first row.
  void begin() {
    options.resume = false;
    leave_one_row(file, encoder, options.record);
    options.resume = true;
  }

  void expect_refused(const std::string& text) {
    const auto part = read_file(folder / "rows.csv.part");
    try {
      const RowOutput output(encoder, options);
      ADD_FAILURE() << "no error";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(text));
    }
    EXPECT_EQ(read_file(folder / "rows.csv.part"), part);
  }

  testing::TemporaryFolder folder;
  std::filesystem::path file = folder / "rows.csv";
  RowEncoder encoder = encoder_of(RowFormat::kCsv);
  RowOutputOptions options{file, false, true, {}};
};

TEST_F(ResumedRun, GoesOnWhereAllIsTheSame) {
  begin();
  RowOutput output(encoder, options);
  EXPECT_EQ(output.rows_done(), 1);
  output.check_of_rows_done()("a");
  output.predictions({"b", kTopTwo, ""});
  output.finish();
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"model", "rows.csv"}));
}

TEST_F(ResumedRun, NamesTheOptionThatDiffers) {
  begin();
  options.record.facts["topk"] = 3;
  expect_refused("topk: expected 2 as in the run that began it, found 3");
  options.record.facts["topk"] = 2;
  options.record.facts["features"] = "cls";
  expect_refused("features: expected nothing as in the run that began it, found \"cls\"");
  options.record.facts.erase("features");
  options.record.facts["inputs"] = {"a", "c"};
  expect_refused("inputs: expected \"b\" in place 2 as in the run that began it, found \"c\"");
  options.record.facts["inputs"] = {"a"};
  expect_refused("inputs: expected 2 as in the run that began it, found 1");
}

TEST_F(ResumedRun, RefusesAnotherModel) {
  begin();
  write_file(folder / "model", "WEIGHTS");
  stamp();
  expect_refused("model: expected the one that began it");
  write_file(folder / "model", "heavier weights");
  stamp();
  expect_refused("model: expected the one that began it");
}

TEST_F(ResumedRun, TakesTheSameModelFromAnotherPlace) {
  begin();
  write_file(folder / "copy", "weights");
  options.record.model = {stamp_file(folder / "copy")};
  EXPECT_EQ(RowOutput(encoder, options).rows_done(), 1);
}

TEST_F(ResumedRun, RefusesAPartThatNothingSaysTheMakingOf) {
  begin();
  write_file(folder / "rows.csv.part.json", "{\"version\": 1");
  expect_refused("rows.csv.part.json, which says what made it, is damaged");
  std::filesystem::remove(folder / "rows.csv.part.json");
  expect_refused("rows.csv.part.json, which says what made it, is missing");
}

TEST_F(ResumedRun, RefusesInputsThatAreNotThoseOfTheRows) {
  begin();
  RowOutput output(encoder, options);
  EXPECT_THROW(output.check_of_rows_done()("b"), UsageError);
  EXPECT_THROW(output.check_of_rows_done()("a.png"), UsageError);
  EXPECT_NO_THROW(output.check_of_rows_done()("a"));
}

TEST_F(ResumedRun, KnowsAnArraysInputsByTheListOfNames) {
  encoder = encoder_of(RowFormat::kNpy);
  const std::vector<float> numbers{1, 2, 3};
  {
    options.resume = false;
    RowOutput output(encoder, options);
    for (const auto* name : {"a", "b", "c"}) output.values(name, numbers);
    output.flush();
  }
  options.resume = true;
  const auto names = folder / "rows.csv.names.txt.part";
  std::filesystem::resize_file(names, 5);  // "a\nb\nc" has lost its last line's end
  {
    RowOutput output(encoder, options);
    EXPECT_EQ(output.rows_done(), 2);
    const auto check = output.check_of_rows_done();
    check("a");
    EXPECT_THROW(check("c"), UsageError);
  }
  std::filesystem::resize_file(names, 0);
  EXPECT_THROW(RowOutput(encoder, options), UsageError);
  EXPECT_GT(std::filesystem::file_size(folder / "rows.csv.part"), 0U);
}

}  // namespace
}  // namespace vit::pipeline
